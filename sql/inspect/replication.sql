-- replication: whether this server is a standby, and how far it is behind its primary; and the standbys that follow it.
--
-- bytes_behind is what has arrived and is not applied yet. seconds_behind is the age of the last transaction that was
-- applied, so it grows too if nothing is written. receives says whether the standby is connected to its primary.
--
-- psql: \i sql/inspect/replication.sql
select
  pg_is_in_recovery() as is_standby,
  case when pg_is_in_recovery() then pg_is_wal_replay_paused() else false end as is_paused,
  exists (select from pg_stat_wal_receiver where pid is not null) as receives,
  coalesce(pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), 0)::int8 as bytes_behind,
  coalesce(extract(epoch from now() - pg_last_xact_replay_timestamp()), 0)::float8 as seconds_behind,
  (select count(*) from pg_stat_replication) as standbys,
  (select extract(epoch from max(replay_lag))::float8 from pg_stat_replication) as their_seconds_behind;
