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
--   vector_score float8, keyword_score float8, complete bool
--
-- complete is false if the vector index gave up too early. Then ask again in a transaction, after use_exact_scan.sql.
--
-- psql: \bind 'how do I load chunks' '[0,0,1]' 5 '' '' rrf 0.5 0.5 60 50
--       \i sql/queries/hybrid_search.sql
--       The vector must have as many dimensions as the store. To take one from a chunk, run
--       select embedding as asked from chunks limit 1 \gset
--       and write :asked in place of the vector.
with scope as materialized (
  -- The places of the chunks that pass the filter, if they are few enough to compare them all.
  select filter_scope($4::text, $5::text, exact_limit($10::int4)) as places
  where $4::text || $5::text <> ''
),
by_vector as materialized (
  select
    chunk_id,
    similarity(distance) as score,
    row_number() over (order by distance, chunk_id collate "C")::int4 as rank
  from (
    select chunk_id, distance
    from nearest($2::vector, $10::int4, $4::text, $5::text)
    where (select places from scope) is null
    union all
    select n.chunk_id, n.distance
    from scope, nearest_among($2::vector, $10::int4, scope.places) n
  ) found
  where $7::float8 > 0
),
enough as (
  select
    $7::float8 = 0
      or (select places from scope) is not null
      or is_complete(count(*), $10::int4, $4::text, $5::text) as complete
  from by_vector
),
by_keyword as materialized (
  select k.chunk_id, k.score, row_number() over (order by k.score desc, k.chunk_id collate "C")::int4 as rank
  from
    -- If scores are added, the candidates of the vector ranking are scored too, even those without a word.
    (select coalesce(array_agg(chunk_id), '{}') as ids from by_vector where $6::text = 'relative_score') also,
    keyword_ranking($1::text, $10::int4, $4::text, $5::text, also.ids, (select places from scope)) k
  where $8::float8 > 0
),
candidates as materialized (
  select
    chunk_id,
    v.rank as vector_rank,
    case when k.score > 0 and k.rank <= $10::int4 then k.rank end as keyword_rank,
    case
      when v.rank is not null then v.score
      when $7::float8 > 0 and $6::text = 'relative_score' then
        (select similarity(distance(embedding, $2::vector)) from chunks c where c.chunk_id = k.chunk_id)
    end as vector_score,
    case
      when k.score is not null then k.score
      when $8::float8 > 0 and $6::text = 'relative_score' then 0
    end as keyword_score
  from by_vector v
  full join by_keyword k using (chunk_id)
  where v.rank is not null or (k.rank <= $10::int4 and k.score > 0)
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
  c.chunk_id, c.text, c.metadata, f.score, f.vector_rank, f.keyword_rank, f.vector_score, f.keyword_score, e.complete
from fused f
join chunks c using (chunk_id)
cross join enough e
order by f.score desc, case when $6::text = 'relative_score' then f.vector_rank end, c.chunk_id;
