-- as_column: a vector in the type of the column, as a writer has to pass it.
--
-- PostgreSQL would convert it by itself. Citus 14 fails to when it spreads the rows of an insert.
--
-- embedding  vector
--
-- returns the type of the column
-- called by: upsert_chunks.sql
-- inlined: yes
--
-- The type of the column is fixed when the store is made. This block reads it and writes the function.
do $$
begin
  execute format(
    'create or replace function as_column(embedding vector) returns %1$s language sql immutable parallel safe
     return embedding::%1$s',
    (
      select split_part(format_type(atttypid, null), '.', -1)
      from pg_attribute
      where attrelid = 'chunks'::regclass and attname = 'embedding'
    )
  );
end
$$;
