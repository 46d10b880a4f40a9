-- vector_search: the chunks nearest to a vector, best first.
--
-- $1  query_embedding  vector
-- $2  top_k            int4
-- $3  filter           text  a jsonpath; '' matches every chunk
-- $4  source_prefix    text  what metadata.source begins with, where the filter implies it; '' otherwise
--
-- returns many: chunk_id text, text text, metadata jsonb, score float8, gave_up bool, generation int4
--
-- gave_up is true if the vector index missed chunks, so that all had to be compared. generation is that of the vectors.
--
-- psql: \bind '[0,0,1]' 5 '' ''
--       \i sql/queries/vector_search.sql
--       The vector must have as many dimensions as the store. To take one from a chunk, run
--       select embedding as asked from chunks limit 1 \gset
--       and write :asked in place of the vector.
with scope as materialized (
  -- The places of the chunks that pass the filter, if they are few enough to compare them all.
  select places from filter_scope($3::text, $4::text, exact_limit($2::int4))
  where $3::text || $4::text <> ''
),
found as materialized (
  select chunk_id, distance, gave_up, (select generation from store_settings) as generation
  from nearest($1::vector, $2::int4, $3::text, $4::text, (select places from scope))
)
select c.chunk_id, c.text, c.metadata, similarity(f.distance) as score, f.gave_up, f.generation
from found f
join chunks c using (chunk_id)
order by f.distance, c.chunk_id;
