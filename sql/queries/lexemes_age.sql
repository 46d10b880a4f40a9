-- lexemes_age: how many chunks were written or deleted since the lexemes were counted, and how many seconds ago that was; how
-- many chunks there are, how many rows of chunk_counts had to be added up for it, and whether this session may count.
--
-- returns one: changes int8, seconds float8, chunks int8, rows int8, may_count bool
--
-- psql: \i sql/queries/lexemes_age.sql
select
  coalesce(sum(c.changes), 0)::int8 - l.changes as changes,
  abs(extract(epoch from clock_timestamp() - l.counted_at))::float8 as seconds,  -- the clock may have been set back
  coalesce(sum(c.chunks), 0)::int8 as chunks,
  count(c.chunks) as rows,
  current_setting('transaction_read_only') = 'off' and has_table_privilege('lexemes', 'insert') as may_count
from lexemes_counted l
left join chunk_counts c on true
group by l.changes, l.counted_at;
