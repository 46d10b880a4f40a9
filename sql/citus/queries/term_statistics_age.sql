-- term_statistics_age: how old the term statistics are.
--
-- changes is the number of chunks that were written or deleted since the last count, and seconds is how long ago that
-- was. chunks is the number of all chunks. rows is how many rows a shard has noted, on average. recounts is true, because
-- the shards do not note which terms a write has changed. may_count says whether this session may count.
--
-- returns one: changes int8, seconds float8, chunks int8, rows int8, recounts bool, may_count bool
--
-- psql: \i sql/citus/queries/term_statistics_age.sql
with noted as materialized (
  select
    coalesce(sum(chunks), 0)::int8 as chunks,
    coalesce(sum(changes), 0)::int8 as changes,
    count(*) / greatest(count(distinct part), 1) as rows
  from shard_counts
)
select
  n.changes - s.changes as changes,
  abs(extract(epoch from clock_timestamp() - s.counted_at))::float8 as seconds,  -- the clock may have been set back
  n.chunks,
  n.rows,
  true as recounts,
  current_setting('transaction_read_only') = 'off' and has_table_privilege('term_statistics', 'insert') as may_count
from term_statistics_state s
cross join noted n;
