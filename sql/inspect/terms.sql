-- terms: the terms that are in the most chunks, and how old the term statistics are.
--
-- Terms that are in so many chunks hardly affect a ranking.
--
-- psql: \i sql/inspect/terms.sql
with size as (
  select sum(chunks) as chunks, sum(changes) as changes
  from chunk_counts
)
select
  t.term,
  t.df as chunks,
  round(100.0 * t.df / nullif(s.chunks, 0), 1) as percent,
  s.changes - c.changes as changes_since_counted,
  c.counted_at
from term_statistics t
cross join size s
cross join term_statistics_state c
where position(' ' in t.term) = 0  -- a term with a blank is an impact
order by t.df desc, t.term
limit 25;
