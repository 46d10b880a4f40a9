-- migration_lock: try to become the only session that changes the structure of this schema, until the transaction ends.
--
-- It never waits. A waiting session would hold a snapshot, and a concurrent index build would wait for that snapshot.
-- The first store of a database creates pgvector there. Two sessions that do this at once fail, even for two schemas, so
-- there is a lock for that, too.
--
-- returns one: locked bool
--
-- psql: \i sql/queries/migration_lock.sql
select
  pg_try_advisory_xact_lock(hashtextextended('agent_brain_store ' || current_setting('agent_brain.schema'), 0))
  and (
    exists (select from pg_extension where extname = 'vector')
    or pg_try_advisory_xact_lock(hashtextextended('agent_brain_store creates pgvector', 0))
  ) as locked;
