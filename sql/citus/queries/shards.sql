-- shards: the shards of chunks.
--
-- returns many: shard int8
--
-- psql: \i sql/citus/queries/shards.sql
select shardid as shard
from pg_dist_shard
where logicalrelid = 'chunks'::regclass
order by shardid;
