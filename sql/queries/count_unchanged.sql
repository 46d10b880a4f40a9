-- count_unchanged: how many of the given chunks are stored exactly as given. upsert_chunks would not write these.
--
-- $1  ids         text[]
-- $2  texts       text[]
-- $3  metadatas   jsonb[]
-- $4  embeddings  vector[]
--
-- returns one: chunks int8
--
-- psql: \bind '{a,b}' '{one,two}' '{"{}","{\\"n\\": 1}"}' '{"[1,0,0]","[0,1,0]"}'
--       \i sql/queries/count_unchanged.sql
select count(*) as chunks
from unnest($1::text[], $2::text[], $3::jsonb[], $4::vector[]) as g (chunk_id, text, metadata, embedding)
join chunks c using (chunk_id)
where is_stored(c.text, c.metadata, c.embedding, g.text, g.metadata, g.embedding);
