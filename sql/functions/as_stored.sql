-- as_stored: a vector as the column keeps it. A halfvec column rounds its vectors.
--
-- given  vector
--
-- returns vector
-- called by: upsert_chunks.sql
-- inlined: yes
--
-- The type of the column is fixed when the store is made. This block reads it and writes the function.
do $$
begin
  execute format(
    'create or replace function as_stored(given vector) returns vector language sql immutable parallel safe return given%s',
    (
      select case split_part(format_type(atttypid, null), '.', -1) when 'halfvec' then '::halfvec::vector' else '' end
      from pg_attribute
      where attrelid = 'chunks'::regclass and attname = 'embedding'
    )
  );
end
$$;
