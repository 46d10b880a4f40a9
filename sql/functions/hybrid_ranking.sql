-- hybrid_ranking: the k best chunks of the vector ranking and the keyword ranking of one question, fused.
--
-- 'rrf' is weighted Reciprocal Rank Fusion: the sum of weight / (rrf_k + rank), divided by the largest possible sum.
-- 'relative_score' is the weighted mean of both scores, each divided by the best score of its ranking. Unlike ranks,
-- scores say how much better one chunk is than the next. Both scores are computed for every candidate.
-- 'convex' is such a mean with weights that follow the question: a ranking counts the more, the further its best score is
-- ahead of its 20th. A candidate that is in one ranking only counts in the other as its last chunk. And an exact name in
-- the question that at most three candidates have brings these among the first three. docs/ranking.md says more.
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
-- returns many: chunk_id text, score float8, place int8, vector_rank int4, keyword_rank int4, vector_score float8,
--   keyword_score float8, gave_up bool, is_widened bool
--   place counts from 1 for the best. gave_up is true if the vector index missed chunks, so that all had to be compared.
--   is_widened is that of keyword_ranking().
--
-- called by: hybrid_results, hybrid_search_refined.sql
-- inlined: no. The session keeps its plan, because making it takes 0.7 ms.
create or replace function hybrid_ranking(
  query text, query_embedding vector, k int4, filter text, source_prefix text, fusion text,
  vector_weight float8, keyword_weight float8, rrf_k int4, depth int4
)
returns table (
  chunk_id text, score float8, place int8, vector_rank int4, keyword_rank int4, vector_score float8, keyword_score float8,
  gave_up bool, is_widened bool
)
language plpgsql stable parallel safe rows 10
set plan_cache_mode = force_generic_plan
set search_path from current
as $$
#variable_conflict use_column
declare
  places tid[];   -- where the chunks that pass the filter are, if they are few enough to compare them all
  share  float8;  -- which part of all chunks passes
  -- For unit vectors, a difference in cosine is about four times as large as in the score of another distance.
  unit    constant int4 := (select case distance when 'cosine' then 1 else 4 end from store_settings);
  names   constant tsquery[] := case
    when fusion = 'convex' and vector_weight > 0 and keyword_weight > 0 then question_names(query) else '{}' end;
begin
  if filter || source_prefix <> '' then
    select s.places, s.share into places, share from filter_scope(filter, source_prefix, exact_limit(depth)) s;
  end if;
  return query
  with by_vector as materialized (
    select
      chunk_id,
      gave_up,
      similarity(distance) as score,
      row_number() over (order by distance, chunk_id collate "C")::int4 as rank
    from nearest(query_embedding, depth, filter, source_prefix, places)
    where vector_weight > 0
  ),
  by_keyword as materialized (
    select
      chunk_id,
      score,
      is_widened,
      row_number() over (order by score desc, chunk_id collate "C")::int4 as rank
    from keyword_ranking(query, depth, filter, source_prefix, places, share)
    where keyword_weight > 0
  ),
  also_scored as materialized (
    -- If scores are added, the candidates of the vector ranking need keyword scores too.
    select chunk_id, score
    from keyword_scores(
      query, array(select chunk_id from by_vector where chunk_id not in (select chunk_id from by_keyword))
    )
    where fusion = 'relative_score' and keyword_weight > 0
  ),
  also_similar as materialized (
    -- And the candidates of the keyword ranking need similarities.
    select chunk_id, score
    from vector_scores(
      query_embedding, array(select chunk_id from by_keyword where chunk_id not in (select chunk_id from by_vector))
    )
    where fusion = 'relative_score' and vector_weight > 0
  ),
  candidates as materialized (
    select
      chunk_id,
      v.rank as vector_rank,
      k.rank as keyword_rank,
      coalesce(v.score, s.score) as vector_score,
      case
        when keyword_weight > 0 and fusion = 'relative_score' then coalesce(k.score, a.score, 0)
        else k.score
      end as keyword_score
    from by_vector v
    full join by_keyword k using (chunk_id)
    left join also_scored a using (chunk_id)
    left join also_similar s using (chunk_id)
  ),
  best as materialized (
    -- last is what a chunk counts that is not in the ranking. If the keyword ranking is not full, no other chunk has a word.
    select
      nullif(max(vector_score), 0) as vector,
      min(vector_score) as last_vector,
      min(vector_score) filter (where vector_rank <= 20) as next_vector,
      nullif(max(keyword_score), 0) as keyword,
      case when max(keyword_rank) = depth then min(keyword_score) else 0 end as last_keyword,
      case
        when max(keyword_rank) >= 20 or max(keyword_rank) = depth then min(keyword_score) filter (where keyword_rank <= 20)
        else 0
      end as next_keyword
    from candidates
  ),
  weights as materialized (
    -- vector and keyword are the weights. last_vector and last_keyword are relative to the best scores.
    select
      coalesce(vector_weight * 3 * unit * vector * sqrt(greatest(0.001, unit * (vector - next_vector))), 0) as vector,
      coalesce(keyword_weight * greatest(0.1, (keyword - next_keyword) / keyword) ^ 1.5, 0) as keyword,
      coalesce(last_vector / vector, 0) as last_vector,
      coalesce(last_keyword / keyword, 0) as last_keyword
    from best
    where fusion = 'convex'
    union all
    select vector_weight, keyword_weight, 0, 0 where fusion <> 'convex'
  ),
  scored as materialized (
    select
      chunk_id,
      case fusion
        when 'rrf' then
          (
            coalesce(vector_weight / (rrf_k::float8 + vector_rank), 0)
            + coalesce(keyword_weight / (rrf_k::float8 + keyword_rank), 0)
          ) * (rrf_k::float8 + 1) / (vector_weight + keyword_weight)
        else
          coalesce(
            (w.vector * coalesce(vector_score / b.vector, w.last_vector)
              + w.keyword * coalesce(keyword_score / b.keyword, w.last_keyword)) / nullif(w.vector + w.keyword, 0),
            0)
      end as score,
      vector_rank,
      keyword_rank,
      vector_score,
      coalesce(keyword_score / b.keyword, keyword_score) as keyword_score
    from candidates, best b, weights w
  ),
  named as materialized (
    -- The candidates with an exact name. The rarest names come first, as long as they have no more than three in all.
    select distinct unnest(holders) as chunk_id
    from (
      select holders, sum(cardinality(holders)) over (order by cardinality(holders)) as up_to
      from name_holders(names, array(select chunk_id from candidates))
      where names <> '{}'
    ) found
    where up_to <= 3
  ),
  raised as (
    select
      *,
      n.chunk_id is not null as is_named,
      -- A named chunk has at least the score of the place that brings it among the first three.
      case when n.chunk_id is null then score else greatest(score, (
        select (array_agg(s.score order by s.score desc))[least(4 - (select count(*) from named), count(*))]
        from scored s
      )) end as raised_score
    from scored
    left join named n using (chunk_id)
  )
  select
    chunk_id,
    raised_score,
    -- Many similarities can be 0. The ranks still tell those chunks apart.
    row_number() over (
      order by
        raised_score desc, is_named desc, score desc, case when fusion <> 'rrf' then vector_rank end, chunk_id collate "C"
    ) as place,
    vector_rank,
    keyword_rank,
    vector_score,
    keyword_score,
    (select coalesce(bool_or(gave_up), false) from by_vector),
    (select coalesce(bool_or(is_widened), false) from by_keyword)
  from raised
  order by place
  limit k;
end
$$;
