-- health: a cheap read that touches the store and the server.
--
-- lag_seconds is how old a standby's newest transaction is, and 0 if it has replayed all that it has received. It is null
-- on a primary.
--
-- returns one: chunks int8, server_version text, vector_version text, store_bytes int8, in_recovery bool,
--              lag_seconds float8, missing_shards text[]
--
-- missing_shards is empty here. sql/citus/queries/health.sql names those of a cluster that do not answer.
--
-- psql: \i sql/queries/health.sql
select
  (select coalesce(sum(chunks), 0)::int8 from chunk_counts) as chunks,
  current_setting('server_version') as server_version,
  (select extversion from pg_extension where extname = 'vector') as vector_version,
  pg_total_relation_size('chunks') as store_bytes,
  pg_is_in_recovery() as in_recovery,
  case
    when not pg_is_in_recovery() then null
    -- With no receiver, nobody knows what is missing.
    when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() and exists (select from pg_stat_wal_receiver) then 0
    else extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp())::float8
  end as lag_seconds,
  '{}'::text[] as missing_shards
from (values (1)) as one
left join chunks on false;  -- locks chunks before chunk_counts, as writers do; else it could deadlock with truncate
