-- score: the best chunks for a question, and what each term adds to their scores.
--
-- A line is one term in one chunk. adds = weight * tf / (tf + flat + slope * tokens), and a chunk's score is the sum of
-- its lines. tf is how often the term is in the chunk, where one in a heading counts more. tokens is the chunk's length.
-- brought_in_by says why the chunk was scored at all.
--
-- $1  query   text  a question in plain words
-- $2  top_k   int4
-- $3  budget  int4  storage.keyword.budget; 0 scores every match
--
-- psql: \bind 'how do I load chunks' 3 750
--       \i sql/inspect/score.sql
with question as materialized (
  select *
  from plan_query($1::text, $3::int4)
),
best as materialized (
  select chunk_id, score
  from bm25($1::text, null, '', $3::int4, null)
  order by score desc, chunk_id collate "C"
  limit $2::int4
),
lines as (
  select
    best.chunk_id, best.score, each.term, each.weight, c.tokens, q.flat, q.slope,
    c.tsv @@ q.always_scored as is_always_scored,
    strpos(q.always_scored::text, each.term::text) > 0 as is_rare,
    -- The same counting as in bm25().
    round(1 / (1.64493406685 - 1.64493406685 * ts_rank('{1,1,1,1}', c.tsv, each.term)) - 0.5)
      + round(q.field_gain * ts_rank(q.field_weights, c.tsv, each.term) * 1e5) / 1e5 as tf
  from best
  join chunks c using (chunk_id)
  cross join question q
  cross join unnest(q.terms, q.weights) as each (term, weight)
  where c.tsv @@ each.term
)
select
  chunk_id,
  round(score::numeric, 3)::float8 as score,
  case
    when bool_or(is_rare) over of_chunk then 'a rare term'
    when is_always_scored then 'a term that it is most about'
    else 'terms that it has together'
  end as brought_in_by,
  trim(term::text, '''') as term,
  tf,
  tokens,
  round(weight::numeric, 3)::float8 as weight,
  round((weight * tf / (tf + flat + slope * tokens))::numeric, 3)::float8 as adds
from lines
window of_chunk as (partition by chunk_id)
order by score desc, chunk_id collate "C", adds desc, term;
