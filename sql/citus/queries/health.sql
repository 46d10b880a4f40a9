-- health: a cheap read that touches every shard. A shard that does not answer is named, and the rest is counted.
--
-- returns one: chunks int8, server_version text, vector_version text, store_bytes int8, in_recovery bool,
--              lag_seconds float8, missing_shards text[]
--
-- A missing shard is named like 'chunks_102008 on db7:5432'. chunks and store_bytes leave it out.
--
-- psql: \i sql/citus/queries/health.sql
with counted as materialized (
  select shardid, success, result
  from run_command_on_placements('shard_counts', 'select coalesce(sum(chunks), 0) from %s')
),
sized as materialized (
  select shardid, nodename, nodeport, success, result
  from run_command_on_placements('chunks', 'select pg_total_relation_size(''%s'')')
)
select
  (select coalesce(sum(result::int8) filter (where success), 0)::int8 from counted) as chunks,
  current_setting('server_version') as server_version,
  (select extversion from pg_extension where extname = 'vector') as vector_version,
  (select coalesce(sum(result::int8) filter (where success), 0)::int8 from sized) as store_bytes,
  pg_is_in_recovery() as in_recovery,
  null::float8 as lag_seconds,
  array(
    select format('chunks_%s on %s:%s', shardid, nodename, nodeport) from sized where not success order by shardid
  ) as missing_shards;
