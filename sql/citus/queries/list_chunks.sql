-- list_chunks: a page of the chunks that match a filter, in id order.
--
-- Citus lets no list of columns ask another table. So the generation comes first.
--
-- $1  after            text  the last id of the page before; '' for the first page
-- $2  page_size        int4
-- $3  filter           text  a jsonpath; '' matches every chunk
-- $4  source_prefix    text  what metadata.source begins with, where the filter implies it; '' otherwise
-- $5  with_embeddings  bool
--
-- returns many: chunk_id text, text text, metadata jsonb, embedding vector, generation int4
--
-- psql: \bind '' 10 '' '' false
--       \i sql/citus/queries/list_chunks.sql
with settings as materialized (select generation from store_settings)
select chunk_id, text, metadata, case when $5::bool then embedding::vector end as embedding, generation
from chunks
cross join settings
where chunk_id > $1::text
  and matches(metadata, nullif($3::text, '')::jsonpath, $4::text)
order by chunk_id
limit $2::int4;
