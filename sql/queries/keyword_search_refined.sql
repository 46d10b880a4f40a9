-- keyword_search_refined: as keyword_search, with every word required, scores boosted, or equal texts folded into one.
--
-- The best chunks by BM25 are the candidates. The best of these are returned. If chunks with an equal text leave too few,
-- ask again with more candidates.
--
-- $1  query          text    a question in plain words
-- $2  top_k          int4
-- $3  filter         text    a jsonpath; '' matches every chunk
-- $4  source_prefix  text    what metadata.source begins with, where the filter implies it; '' otherwise
-- $5  candidates     int4    how many chunks are refined
-- $6  boosts         text    what boost_factor() takes, as JSON; [] changes no score
-- $7  now            float8  in Unix seconds
-- $8  distinct       bool    whether of chunks with an equal text only the best is returned
-- $9  every          bool    whether a chunk needs every word of the question
--
-- returns many: chunk_id text, text text, metadata jsonb, score float8, is_widened bool, candidates int4
--
-- is_widened is as in keyword_search. candidates is how many there were.
--
-- psql: \bind 'how do I load chunks' 5 '' '' 100 '[{"key": "stars", "weight": 0.2, "scale": 100}]' 0 true false
--       \i sql/queries/keyword_search_refined.sql
with scope as materialized (
  select places, share
  from ranking_settings(), filter_scope($3::text, $4::text, 2 * budget::int8)
  where $3::text || $4::text <> ''
),
found as materialized (
  select chunk_id, score / max(score) over () as score, is_widened
  from (
    select chunk_id, score, is_widened
    from keyword_ranking(
      $1::text, $5::int4, $3::text, $4::text, (select places from scope), (select share from scope)
    )
    where not $9::bool or every_word($1::text) is null  -- a question of stop words is found as it is written
    union all
    select chunk_id, score, false
    from keyword_scores($1::text, with_every_word($1::text, $3::text, $4::text, (select places from scope)))
    where $9::bool
    order by score desc, chunk_id
    limit $5::int4
  ) best
),
boosted as materialized (
  select
    c.chunk_id, c.text, c.metadata, f.score as relevance,
    f.score * case when $6::text = '[]' then 1 else boost_factor(c.metadata, $6::text::jsonb, $7::float8) end as score,
    f.is_widened
  from found f
  join chunks c using (chunk_id)
),
numbered as (
  select
    *,
    row_number() over (
      partition by case when $8::bool then text else chunk_id end
      order by score desc, relevance desc, chunk_id collate "C"
    ) as copy
  from boosted
)
select chunk_id, text, metadata, score, is_widened, (select count(*)::int4 from found) as candidates
from numbered
where copy = 1
order by score desc, relevance desc, chunk_id collate "C"
limit $2::int4;
