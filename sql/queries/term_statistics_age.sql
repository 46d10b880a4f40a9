-- term_statistics_age: how old the term statistics are.
--
-- changes is the number of chunks that were written or deleted since the last count, and seconds is how long ago that
-- was. chunks is the number of all chunks, and rows is the number of rows of chunk_counts that were added up for it.
-- recounts says whether the next count should read every chunk, and not what has changed alone: after a count by an older
-- library, or if more than half has changed, because reading a change takes twice as long. may_count says whether this
-- session may count.
--
-- returns one: changes int8, seconds float8, chunks int8, rows int8, recounts bool, may_count bool
--
-- psql: \i sql/queries/term_statistics_age.sql
select
  coalesce(sum(c.changes), 0)::int8 - s.changes as changes,
  abs(extract(epoch from clock_timestamp() - s.counted_at))::float8 as seconds,  -- the clock may have been set back
  coalesce(sum(c.chunks), 0)::int8 as chunks,
  count(c.chunks) as rows,
  s.exact_at <> s.changes or coalesce(sum(c.changes), 0) - s.changes > coalesce(sum(c.chunks), 0) / 2 as recounts,
  current_setting('transaction_read_only') = 'off' and has_table_privilege('term_statistics', 'insert') as may_count
from term_statistics_state s
left join chunk_counts c on true
group by s.changes, s.exact_at, s.counted_at;
