-- vector_search_refined: as vector_search, with the scores boosted, or with equal texts folded into the best of them.
--
-- The nearest chunks are the candidates. The best of these are returned. If chunks with an equal text leave too few, ask
-- again with more candidates.
--
-- $1  query_embedding  vector
-- $2  top_k            int4
-- $3  filter           text    a jsonpath; '' matches every chunk
-- $4  source_prefix    text    what metadata.source begins with, where the filter implies it; '' otherwise
-- $5  candidates       int4    how many chunks are refined
-- $6  boosts           text    what boost_factor() takes, as JSON; [] changes no score
-- $7  now              float8  in Unix seconds
-- $8  distinct         bool    whether of chunks with an equal text only the best is returned
--
-- returns many: chunk_id text, text text, metadata jsonb, score float8, gave_up bool, candidates int4,
--   generation int4
--
-- gave_up and generation are as in vector_search. candidates is how many there were.
--
-- psql: \bind '[0,0,1]' 5 '' '' 100 '[{"key": "stars", "weight": 0.2, "scale": 100}]' 0 true
--       \i sql/queries/vector_search_refined.sql
--       vector_search.sql says where to get a vector.
with scope as materialized (
  select places from filter_scope($3::text, $4::text, exact_limit($5::int4))
  where $3::text || $4::text <> ''
),
found as materialized (
  select chunk_id, distance, gave_up
  from nearest($1::vector, $5::int4, $3::text, $4::text, (select places from scope))
),
boosted as materialized (
  select
    c.chunk_id, c.text, c.metadata, f.distance, f.gave_up,
    similarity(f.distance) * case when $6::text = '[]' then 1 else boost_factor(c.metadata, $6::text::jsonb, $7::float8) end
      as score
  from found f
  join chunks c using (chunk_id)
),
numbered as (
  select
    *,
    row_number() over (
      partition by case when $8::bool then text else chunk_id end order by score desc, distance, chunk_id collate "C"
    ) as copy
  from boosted
)
select
  chunk_id, text, metadata, score, gave_up,
  (select count(*)::int4 from found) as candidates,
  (select generation from store_settings) as generation
from numbered
where copy = 1
order by score desc, distance, chunk_id collate "C"
limit $2::int4;
