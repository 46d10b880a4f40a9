-- hybrid_search: the vector ranking and the keyword ranking of one question, fused. Best first.
--
-- hybrid_ranking() says how the rankings are fused.
--
-- $1  query            text
-- $2  query_embedding  vector
-- $3  top_k            int4
-- $4  filter           text    a jsonpath; '' matches every chunk
-- $5  source_prefix    text    what metadata.source begins with, where the filter implies it; '' otherwise
-- $6  fusion           text    convex, rrf or relative_score
-- $7  vector_weight    float8  0 leaves the ranking out
-- $8  keyword_weight   float8  0 leaves the ranking out
-- $9  rrf_k            int4    usually 60; only rrf uses it
-- $10  candidates      int4    how many are taken from each ranking
--
-- returns many: chunk_id text, text text, metadata jsonb, score float8, vector_rank int4, keyword_rank int4,
--   vector_score float8, keyword_score float8, gave_up bool, is_widened bool,
--   generation int4
--
-- gave_up is true if the vector index missed chunks, so that all had to be compared. is_widened is true if the budget
-- of the keyword ranking became larger. generation is that of the vectors.
--
-- psql: \bind 'how do I load chunks' '[0,0,1]' 5 '' '' convex 0.5 0.5 60 50
--       \i sql/queries/hybrid_search.sql
--       The vector must have as many dimensions as the store. To take one from a chunk, run
--       select embedding as asked from chunks limit 1 \gset
--       and write :asked in place of the vector.
select
  chunk_id, text, metadata, score, vector_rank, keyword_rank, vector_score, keyword_score, gave_up, is_widened, generation
from hybrid_results(
  $1::text, $2::vector, $3::int4, $4::text, $5::text, $6::text, $7::float8, $8::float8, $9::int4, $10::int4
);
