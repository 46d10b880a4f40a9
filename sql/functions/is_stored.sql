-- is_stored: whether a chunk is stored exactly as it is given, to the bit.
--
-- jsonb takes 1 and 1.0 for equal, and pgvector 0 and -0. Neither is what was given, so texts and bytes are compared.
-- A halfvec column rounds what it is given, so the given vector is rounded first.
--
-- text             text     the chunk's columns
-- metadata         jsonb
-- embedding        the column's type
-- given_text       text     what the caller gives
-- given_metadata   jsonb
-- given_embedding  vector
--
-- returns bool
-- called by: upsert_chunks.sql, count_unchanged.sql
-- inlined: yes
--
-- The column's type is decided when the store is made, so this block reads it and writes the function.
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
