-- wal_position: how far this server has come in the write-ahead log, and whose log that is.
--
-- On a standby it is what has been replayed, so a commit at or before this position can be read there. The identity is
-- the same on a primary and its standbys, and another in every other database.
--
-- returns one: identity text, position int8
--
-- psql: \i sql/queries/wal_position.sql
select
  (
    select concat_ws(' ', s.system_identifier, d.oid)
    from pg_control_system() s, pg_database d
    where d.datname = current_database()
  ) as identity,
  pg_wal_lsn_diff(
    case
      when pg_is_in_recovery() then coalesce(pg_last_wal_replay_lsn(), '0/0')
      else pg_current_wal_insert_lsn()
    end,
    '0/0'
  )::int8 as position;
