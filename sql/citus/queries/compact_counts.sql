-- compact_counts: replace the rows that each shard has counted by their sum.
--
-- returns nothing
--
-- psql: \i sql/citus/queries/compact_counts.sql
with taken as (
  delete from shard_counts
  returning part, chunks, tokens, changes
)
insert into shard_counts (part, chunks, tokens, changes)
select part, sum(chunks), sum(tokens), sum(changes)
from taken
group by part;
