-- migration_lock: try to become the only session that changes the structure of this schema, until the transaction ends.
--
-- It never waits. A waiting session would hold a snapshot, and a concurrent index build would wait for that snapshot.
--
-- returns one: locked bool
--
-- psql: \i sql/queries/migration_lock.sql
select pg_try_advisory_xact_lock(hashtextextended('agent_brain_store ' || current_setting('agent_brain.schema'), 0)) as locked;
