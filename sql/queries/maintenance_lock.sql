-- maintenance_lock: try to become the only session that builds or drops indexes of this schema, until it disconnects.
--
-- It never waits. A waiting session would hold a snapshot, and a concurrent index build would wait for that snapshot.
--
-- returns one: locked bool
--
-- psql: \i sql/queries/maintenance_lock.sql
select pg_try_advisory_lock(hashtextextended('agent_brain_store indexes ' || current_schema(), 0)) as locked;
