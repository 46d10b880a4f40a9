-- embed_chunks: give chunks their vectors of the second generation. A chunk whose text has changed meanwhile is left out.
--
-- Citus takes no "for update" over several shards. If two writers lock the same rows in another order, Citus ends one of
-- them, and the library repeats it.
--
-- $1  ids         text[]
-- $2  digests     text[]    of the texts that were embedded, from unembedded_chunks.sql
-- $3  embeddings  vector[]
--
-- returns one: embedded int8
--
-- psql: \bind '{a}' '{0cc175b9c0f1b6a831c399e269772661}' '{"[1,0,0]"}'
--       \i sql/citus/queries/embed_chunks.sql
with given as materialized (
  select * from unnest($1::text[], $2::text[], $3::vector[]) as g (chunk_id, digest, embedding)
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
