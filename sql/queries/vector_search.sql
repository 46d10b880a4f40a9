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
select chunk_id, text, metadata, score, gave_up, generation
from vector_results($1::vector, $2::int4, $3::text, $4::text);
