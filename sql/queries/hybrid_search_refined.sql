-- hybrid_search_refined: as hybrid_search, with the scores boosted, or with equal texts folded into the best of them.
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
-- $11  boosts          text    what boost_factor() takes, as JSON; [] changes no score
-- $12  now             float8  in Unix seconds
-- $13  distinct        bool    whether of chunks with an equal text only the best is returned
--
-- returns many: chunk_id text, text text, metadata jsonb, score float8, vector_rank int4, keyword_rank int4,
--   vector_score float8, keyword_score float8, gave_up bool, is_widened bool,
--   candidates int4, generation int4
--
-- gave_up, is_widened and generation are as in hybrid_search. candidates is how many there were in both rankings together.
--
-- psql: \bind 'how do I load chunks' '[0,0,1]' 5 '' '' convex 0.5 0.5 60 50 '[]' 0 true
--       \i sql/queries/hybrid_search_refined.sql
--       vector_search.sql says where to get a vector.
with found as materialized (
  select chunk_id, score, place, vector_rank, keyword_rank, vector_score, keyword_score, gave_up, is_widened
  from hybrid_ranking(
    $1::text, $2::vector, 2147483647, $4::text, $5::text, $6::text, $7::float8, $8::float8, $9::int4, $10::int4
  )
),
boosted as materialized (
  select
    c.text, c.metadata, f.*,
    f.score * case when $11::text = '[]' then 1 else boost_factor(c.metadata, $11::text::jsonb, $12::float8) end
      as boosted_score
  from found f
  join chunks c using (chunk_id)
),
numbered as (
  select
    *,
    row_number() over (
      partition by case when $13::bool then text else chunk_id end order by boosted_score desc, place
    ) as copy
  from boosted
)
select
  chunk_id, text, metadata, boosted_score as score, vector_rank, keyword_rank, vector_score, keyword_score, gave_up,
  is_widened,
  (select count(*)::int4 from found) as candidates,
  (select generation from store_settings) as generation
from numbered
where copy = 1
order by boosted_score desc, place
limit $3::int4;
