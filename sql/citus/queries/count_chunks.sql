-- count_chunks: how many chunks there are. It adds up what every shard has noted, so it is exact and needs no scan.
--
-- returns one: chunks int8
--
-- psql: \i sql/citus/queries/count_chunks.sql
select coalesce(sum(chunks), 0)::int8 as chunks
from shard_counts;
