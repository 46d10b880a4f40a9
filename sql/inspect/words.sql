-- words: how old the word counts are, and which words are in most chunks: those that ranking hardly heeds.
--
-- psql: \i sql/inspect/words.sql
with size as (
  select sum(chunks) as chunks, sum(changes) as changes
  from chunk_counts
)
select
  l.lexeme,
  l.df as chunks,
  round(100.0 * l.df / nullif(s.chunks, 0), 1) as percent,
  s.changes - c.changes as changes_since_counted,
  c.counted_at
from lexemes l
cross join size s
cross join lexemes_counted c
where position(' ' in l.lexeme) = 0  -- the others are impacts
order by l.df desc, l.lexeme
limit 25;
