-- question: the terms of a question, in how many chunks each is, what it weighs, and how it brings in chunks to score.
--
-- A term without chunks is not in the term statistics yet, or in no chunk at all.
--
-- $1  query   text  a question in plain words
-- $2  budget  int4  storage.keyword.budget; 0 scores every match
--
-- psql: \bind 'how do I load chunks' 400
--       \i sql/inspect/question.sql
select
  trim(t.term::text, '''') as term,
  s.df as chunks,
  round(t.weight::numeric, 2)::float8 as weight,
  case
    when strpos(q.always_scored::text, t.term::text) > 0 then 'every chunk with it'
    when strpos(q.always_scored::text, rtrim(t.term::text, '''') || ' ') > 0 then 'the chunks that are most about it'
    when strpos(q.combined::text, t.term::text) > 0 then 'chunks with it and other terms'
    else 'no chunk by itself'
  end as brings_in
from plan_query($1::text, $2::int4) q
cross join unnest(q.terms, q.weights) as t (term, weight)
left join term_statistics s on s.term = trim(t.term::text, '''')
order by t.weight desc, t.term::text;
