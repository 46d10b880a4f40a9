-- hybrid_results: the k best chunks of both rankings of a question, fused, with their texts. Best first.
--
-- query            text
-- query_embedding  vector
-- k                int4    how many
-- filter           text    a jsonpath; '' matches every chunk
-- source_prefix    text    what metadata.source begins with, where the filter implies it; '' otherwise
-- fusion           text    convex, rrf or relative_score
-- vector_weight    float8  0 leaves the ranking out
-- keyword_weight   float8  0 leaves the ranking out
-- rrf_k            int4    usually 60; only rrf uses it
-- depth            int4    how many candidates are taken from each ranking
--
-- returns many: chunk_id text, text text, metadata jsonb, score float8, vector_rank int4, keyword_rank int4,
--   vector_score float8, keyword_score float8, gave_up bool, is_widened bool, generation int4
--   hybrid_search.sql says what they mean.
--
-- called by: hybrid_search.sql
-- inlined: no. The session keeps its plan, because making it takes a tenth of a search. It depends on no filter.
create or replace function hybrid_results(
  query text, query_embedding vector, k int4, filter text, source_prefix text, fusion text,
  vector_weight float8, keyword_weight float8, rrf_k int4, depth int4
)
returns table (
  chunk_id text, text text, metadata jsonb, score float8, vector_rank int4, keyword_rank int4, vector_score float8,
  keyword_score float8, gave_up bool, is_widened bool, generation int4
)
language plpgsql stable parallel safe rows 10
set plan_cache_mode = force_generic_plan
set search_path from current
as $$
#variable_conflict use_column
begin
  return query
  with found as materialized (
    select *, (select generation from store_settings) as generation
    from hybrid_ranking(
      query, query_embedding, k, filter, source_prefix, fusion, vector_weight, keyword_weight, rrf_k, depth
    )
  )
  select
    c.chunk_id, c.text, c.metadata, r.score, r.vector_rank, r.keyword_rank, r.vector_score, r.keyword_score, r.gave_up,
    r.is_widened, r.generation
  from found r
  join chunks c using (chunk_id)
  order by r.place;
end
$$;
