-- lexemes_age: how many chunks were written or deleted since the lexemes were counted, how many there are, and how many rows
-- of chunk_counts had to be added up for it.
--
-- returns one: changes int8, chunks int8, rows int8
--
-- psql: \i sql/queries/lexemes_age.sql
select
  coalesce(sum(c.changes), 0)::int8 - l.changes as changes,
  coalesce(sum(c.chunks), 0)::int8 as chunks,
  count(c.chunks) as rows
from lexemes_counted l
left join chunk_counts c on true
group by l.changes;
