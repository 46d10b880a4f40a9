-- 0005_copies: makes room for chunks that have one and the same vector.
--
-- The vector index takes one chunk of each vector, because a graph of equal vectors hides the others. A store that has
-- chunks keeps its index until the library has marked the copies and built another, which blocks nobody.

insert into schema_version (version, name) values (5, 'copies');

do $$
begin
  -- The indexes below need pgvector's functions.
  perform set_config(
    'search_path',
    format(
      '%I, %I, pg_temp',
      current_schema(),
      (select n.nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'vector')
    ),
    true
  );
end
$$;

-- A copy has the vector of another chunk, which leads: that one is in the vector index, and says that it has copies.
-- Both defaults are constant, so no row is rewritten.
alter table chunks add column is_copy bool not null default false;
alter table chunks add column has_copies bool not null default false;

-- This is a stand-in, because a trigger needs its function. sql/functions/keep_leaders.sql replaces it.
create function keep_leaders() returns trigger
language plpgsql
as $$
begin
  raise exception 'the functions of sql/functions have not been applied to this schema yet';
end
$$;

create trigger chunks_leaders_delete after delete on chunks
  referencing old table as old_rows for each statement execute function keep_leaders();
create trigger chunks_leaders_update after update on chunks
  referencing old table as old_rows new table as new_rows for each statement execute function keep_leaders();

-- Both indexes are over the body of vector_digest(embedding), because the functions come after the migrations.
insert into expected_indexes (name, definition)
values
  -- This index finds the leader of a vector. It serves place_chunks.sql, keep_leaders.sql and mark_copies.sql. It has
  -- is_copy as a number, because the planner would take it for the "not is_copy" of nearest.sql otherwise.
  (
    'chunks_vector_btree',
    'CREATE INDEX chunks_vector_btree on chunks using btree
       (hash_array_extended(array[vector_send(embedding::vector)], 0), (is_copy::int4))'
  ),
  -- This index finds the copies of a vector in the order of their ids. It serves copies.sql. It is empty in a store
  -- without equal vectors.
  (
    'chunks_copies_btree',
    'CREATE INDEX chunks_copies_btree on chunks using btree
       (hash_array_extended(array[vector_send(embedding::vector)], 0), chunk_id) where is_copy'
  );

-- In a new store both cost nothing. In another one the next start builds them, and blocks nobody.
do $$
declare
  statement text;
begin
  if not exists (select from chunks) then
    for statement in select definition from expected_indexes where name in ('chunks_vector_btree', 'chunks_copies_btree') loop
      execute statement;
    end loop;
  end if;
end
$$;
