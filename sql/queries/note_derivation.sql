-- note_derivation: note the versions of the functions by which the stored terms were derived.
--
-- $1  functions  text[]
-- $2  versions   int4[]
--
-- returns nothing
--
-- psql: \bind '{searchable}' '{1}'
--       \i sql/queries/note_derivation.sql
insert into term_derivation (function, version)
select *
from unnest($1::text[], $2::int4[])
on conflict (function) do update
set version = excluded.version;
