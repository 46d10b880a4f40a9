-- hybrid_search: the vector ranking and the keyword ranking of one question, fused.
--
-- 'rrf' is weighted Reciprocal Rank Fusion: the sum of weight / (rrf_k + rank), divided by the largest possible sum.
-- 'relative_score' is the weighted mean of both scores, each divided by the best score of its ranking. Unlike ranks,
-- scores say how much better one chunk is than the next. Both scores are computed for every candidate.
-- 'convex' is such a mean with weights that follow the question: a ranking counts the more, the further its best score is
-- ahead of its 20th. A candidate that is in one ranking only counts in the other as its last chunk. And an exact name in
-- the question that at most three candidates have brings these among the first three. docs/ranking.md says more.
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
--   vector_score float8, keyword_score float8, gave_up bool
--
-- gave_up is true if the vector index missed chunks, so that all had to be compared.
--
-- psql: \bind 'how do I load chunks' '[0,0,1]' 5 '' '' convex 0.5 0.5 60 50
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
best as (
  -- last is what a chunk counts that is not in the ranking. If the keyword ranking is not full, no other chunk has a word.
  select
    max(vector_score) as vector,
    min(vector_score) as last_vector,
    min(vector_score) filter (where vector_rank <= 20) as next_vector,
    nullif(max(keyword_score), 0) as keyword,
    case when max(keyword_rank) = $10::int4 then min(keyword_score) else 0 end as last_keyword,
    case
      when max(keyword_rank) >= 20 or max(keyword_rank) = $10::int4 then min(keyword_score) filter (where keyword_rank <= 20)
      else 0
    end as next_keyword
  from candidates
),
weights as materialized (
  -- vector and keyword are the weights. last_vector and last_keyword are relative to the best scores.
  select $7::float8 as vector, $8::float8 as keyword, 0::float8 as last_vector, 0::float8 as last_keyword
  where $6::text <> 'convex'
  union all
  select
    coalesce($7::float8 * 3 * unit * vector * sqrt(greatest(0.001, unit * (vector - next_vector))), 0),
    coalesce($8::float8 * greatest(0.1, (keyword - next_keyword) / keyword) ^ 1.5, 0),
    coalesce(last_vector / nullif(vector, 0), 0),
    coalesce(last_keyword / keyword, 0)
  from
    best,
    -- For unit vectors, a difference in cosine is about four times as large as in the score of another distance.
    (select case distance when 'cosine' then 1 else 4 end as unit from store_settings) scale
  where $6::text = 'convex'
),
scored as materialized (
  select
    chunk_id,
    case $6::text
      when 'rrf' then
        (coalesce($7::float8 / ($9::int4::float8 + vector_rank), 0) + coalesce($8::float8 / ($9::int4::float8 + keyword_rank), 0))
          * ($9::int4::float8 + 1) / ($7::float8 + $8::float8)
      else
        coalesce(
          (w.vector * coalesce(relative_vector_score, last_vector) + w.keyword * coalesce(relative_keyword_score, last_keyword))
            / nullif(w.vector + w.keyword, 0),
          0)
    end as score,
    vector_rank,
    keyword_rank,
    vector_score,
    relative_keyword_score as keyword_score
  from relative, weights w
),
named as materialized (
  -- The candidates with an exact name. The rarest names come first, as long as they have no more than three in all.
  select distinct unnest(holders) as chunk_id
  from (
    select array_agg(c.chunk_id) as holders, sum(count(*)) over (order by count(*)) as up_to
    from unnest(question_names($1::text)) as name
    join chunks c on c.chunk_id = any(array(select chunk_id from candidates)) and c.tsv @@ name
    where $6::text = 'convex' and $7::float8 > 0 and $8::float8 > 0
    group by name
  ) names
  where up_to <= 3
),
fused as materialized (
  select
    chunk_id,
    -- A named chunk has at least the score of the place that brings it among the first three.
    case when n.chunk_id is null then score else greatest(score, (
      select (array_agg(s.score order by s.score desc))[least(4 - (select count(*) from named), count(*))]
      from scored s
    )) end as score,
    row_number() over (
      order by score desc, case when $6::text <> 'rrf' then vector_rank end, chunk_id collate "C"
    ) as place,
    n.chunk_id is not null as is_named,
    vector_rank,
    keyword_rank,
    vector_score,
    keyword_score
  from scored
  left join named n using (chunk_id)
  -- Many similarities can be 0. The ranks still tell those chunks apart.
  order by score desc, is_named desc, place
  limit $3::int4
)
-- Texts are fetched last, and only for the rows that are returned.
select
  c.chunk_id, c.text, c.metadata, f.score, f.vector_rank, f.keyword_rank, f.vector_score, f.keyword_score,
  (select coalesce(bool_or(gave_up), false) from by_vector) as gave_up
from fused f
join chunks c using (chunk_id)
order by f.score desc, f.is_named desc, f.place;
