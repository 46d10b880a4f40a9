-- hybrid_search: the vector ranking and the keyword ranking of one question, fused.
--
-- 'rrf' is weighted Reciprocal Rank Fusion: the sum of weight / (rrf_k + rank), divided by the largest possible sum.
-- 'relative_score' is the weighted mean of both scores, each divided by the best score of its ranking. Unlike ranks,
-- scores say how much better one chunk is than the next. So both scores are computed for every candidate.
--
-- $1  query            text
-- $2  query_embedding  vector
-- $3  top_k            int4
-- $4  filter           text    a jsonpath; '' matches every chunk
-- $5  source_prefix    text    what metadata.source begins with, where the filter implies it; '' otherwise
-- $6  fusion           text    rrf or relative_score
-- $7  vector_weight    float8  0 leaves the ranking out
-- $8  keyword_weight   float8  0 leaves the ranking out
-- $9  rrf_k            int4    usually 60; relative_score does not use it
-- $10  candidates      int4    how many are taken from each ranking
--
-- returns many: chunk_id text, text text, metadata jsonb, score float8, vector_rank int4, keyword_rank int4,
--   vector_score float8, keyword_score float8, gave_up bool
--
-- gave_up is true if the vector index missed chunks, so that all had to be compared.
--
-- psql: \bind 'how do I load chunks' '[0,0,1]' 5 '' '' rrf 0.5 0.5 60 50
--       \i sql/queries/hybrid_search.sql
--       The vector must have as many dimensions as the store. To take one from a chunk, run
--       select embedding as asked from chunks limit 1 \gset
--       and write :asked in place of the vector.
with scope as materialized (
  -- The places of the chunks that pass the filter, if they are few enough to compare them all.
  select places, is_wide from filter_scope($4::text, $5::text, exact_limit($10::int4))
  where $4::text || $5::text <> ''
),
by_vector as materialized (
  select
    chunk_id,
    gave_up,
    similarity(distance) as score,
    row_number() over (order by distance, chunk_id collate "C")::int4 as rank
  from nearest($2::vector, $10::int4, $4::text, $5::text, (select places from scope))
  where $7::float8 > 0
),
by_keyword as materialized (
  select chunk_id, score, row_number() over (order by score desc, chunk_id collate "C")::int4 as rank
  from keyword_ranking(
    $1::text, $10::int4, $4::text, $5::text, (select places from scope), (select is_wide from scope)
  )
  where $8::float8 > 0
),
also_scored as materialized (
  -- If scores are added, the candidates of the vector ranking need keyword scores too.
  select chunk_id, score
  from keyword_scores(
    $1::text, array(select chunk_id from by_vector where chunk_id not in (select chunk_id from by_keyword))
  )
  where $6::text = 'relative_score' and $8::float8 > 0
),
candidates as materialized (
  select
    chunk_id,
    v.rank as vector_rank,
    k.rank as keyword_rank,
    case
      when v.rank is not null then v.score
      when $7::float8 > 0 and $6::text = 'relative_score' then
        (select similarity(distance(embedding, $2::vector)) from chunks c where c.chunk_id = k.chunk_id)
    end as vector_score,
    case
      when $8::float8 > 0 and $6::text = 'relative_score' then coalesce(k.score, a.score, 0)
      else k.score
    end as keyword_score
  from by_vector v
  full join by_keyword k using (chunk_id)
  left join also_scored a using (chunk_id)
),
relative as materialized (
  select
    *,
    vector_score / nullif(max(vector_score) over (), 0) as relative_vector_score,
    coalesce(keyword_score / nullif(max(keyword_score) over (), 0), keyword_score) as relative_keyword_score
  from candidates
),
fused as materialized (
  select
    chunk_id,
    case $6::text
      when 'rrf' then
        (coalesce($7::float8 / ($9::int4::float8 + vector_rank), 0) + coalesce($8::float8 / ($9::int4::float8 + keyword_rank), 0))
          * ($9::int4::float8 + 1)
      else $7::float8 * coalesce(relative_vector_score, 0) + $8::float8 * coalesce(relative_keyword_score, 0)
    end / ($7::float8 + $8::float8) as score,
    vector_rank,
    keyword_rank,
    vector_score,
    relative_keyword_score as keyword_score
  from relative
  -- Many similarities can be 0. The ranks still tell those chunks apart.
  order by score desc, case when $6::text = 'relative_score' then vector_rank end, chunk_id collate "C"
  limit $3::int4
)
-- Texts are fetched last, and only for the rows that are returned.
select
  c.chunk_id, c.text, c.metadata, f.score, f.vector_rank, f.keyword_rank, f.vector_score, f.keyword_score,
  (select coalesce(bool_or(gave_up), false) from by_vector) as gave_up
from fused f
join chunks c using (chunk_id)
order by f.score desc, case when $6::text = 'relative_score' then f.vector_rank end, c.chunk_id;
