-- get_chunks: chunks by id. Unknown ids are left out.
--
-- $1  ids              text[]
-- $2  with_embeddings  bool
--
-- returns many: chunk_id text, text text, metadata jsonb, embedding vector, generation int4
--
-- psql: \bind '{a,b}' false
--       \i sql/queries/get_chunks.sql
select chunk_id, text, metadata, case when $2::bool then embedding::vector end as embedding,
  (select generation from store_settings) as generation
from chunks
where chunk_id = any($1::text[])
order by chunk_id;
