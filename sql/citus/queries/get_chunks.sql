-- get_chunks: chunks by id. Unknown ids are left out.
--
-- Citus lets no list of columns ask another table. So the generation comes first.
--
-- $1  ids              text[]
-- $2  with_embeddings  bool
--
-- returns many: chunk_id text, text text, metadata jsonb, embedding vector, generation int4
--
-- psql: \bind '{a,b}' false
--       \i sql/citus/queries/get_chunks.sql
with settings as materialized (select generation from store_settings)
select chunk_id, text, metadata, case when $2::bool then embedding::vector end as embedding, generation
from chunks
cross join settings
where chunk_id = any($1::text[])
order by chunk_id;
