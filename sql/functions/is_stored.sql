-- is_stored: whether a chunk is stored exactly as it is given, to the bit.
--
-- For jsonb 1 and 1.0 are equal, and for pgvector 0 and -0 are. A caller may mean the difference, so texts and bytes
-- are compared. A halfvec column rounds its vectors, so the given vector is rounded before it is compared.
--
-- text             text     the columns of the chunk
-- metadata         jsonb
-- embedding        the type of the column
-- given_text       text     what the caller gives
-- given_metadata   jsonb
-- given_embedding  vector
--
-- returns bool
-- called by: upsert_chunks.sql, count_unchanged.sql
-- inlined: yes
--
-- The type of the column is fixed when the store is made. This block reads it and writes the function.
do $$
begin
  execute format(
    'create or replace function is_stored(
       text text, metadata jsonb, embedding %1$s, given_text text, given_metadata jsonb, given_embedding vector
     ) returns bool language sql immutable parallel safe
     return (text, metadata::text, vector_send(embedding::vector))
       is not distinct from (given_text, given_metadata::text, vector_send(given_embedding::%1$s::vector))',
    (
      select split_part(format_type(atttypid, null), '.', -1)
      from pg_attribute
      where attrelid = 'chunks'::regclass and attname = 'embedding'
    )
  );
end
$$;
