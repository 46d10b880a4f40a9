-- embed_chunks: give chunks their vectors of the second generation. A chunk whose text has changed meanwhile is left out.
--
-- $1  ids         text[]
-- $2  digests     text[]    of the texts that were embedded, from unembedded_chunks.sql
-- $3  embeddings  vector[]
--
-- returns one: embedded int8
--
-- psql: \bind '{a}' '{0cc175b9c0f1b6a831c399e269772661}' '{"[1,0,0]"}'
--       \i sql/queries/embed_chunks.sql
with given as materialized (
  select c.chunk_id, g.digest, g.embedding
  from unnest($1::text[], $2::text[], $3::vector[]) as g (chunk_id, digest, embedding)
  join chunks c using (chunk_id)
  order by c.chunk_id  -- all writers lock rows in this order, so they cannot deadlock
  for update of c
),
written as (
  update chunks c
  set other_embedding = g.embedding
  from given g
  where c.chunk_id = g.chunk_id and md5(c.text) = g.digest
  returning 1
)
select count(*) as embedded
from written;
