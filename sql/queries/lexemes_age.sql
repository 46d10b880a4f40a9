-- lexemes_age: how many chunks were written or deleted since the lexemes were counted, and how many there are.
--
-- returns one: changes int8, chunks int8
--
-- psql: \i sql/queries/lexemes_age.sql
select
  coalesce(sum(c.changes), 0)::int8 - l.changes as changes,
  coalesce(sum(c.chunks), 0)::int8 as chunks
from lexemes_counted l
left join chunk_counts c on true
group by l.changes;
