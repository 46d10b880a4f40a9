-- note_function: note that a function of sql/functions was applied.
--
-- $1  name     text
-- $2  hash     text  the md5 of the file, without the newline at its end
-- $3  library  text  the version of the library; '' for psql
--
-- returns nothing
--
-- psql: \bind bm25 0123456789abcdef0123456789abcdef ''
--       \i sql/queries/note_function.sql
insert into schema_functions (name, hash, library)
values ($1::text, $2::text, $3::text)
on conflict (name) do update
set hash = excluded.hash,
    library = excluded.library,
    applied_at = now();
