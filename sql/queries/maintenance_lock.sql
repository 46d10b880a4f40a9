-- maintenance_lock: try to become the only session that builds or drops indexes of this schema.
--
-- It never waits. A waiting session would hold a snapshot, and a concurrent index build would wait for that snapshot.
--
-- $1  until_commit  bool  whether the lock ends with the transaction, or when the session disconnects
--
-- returns one: locked bool
--
-- psql: \bind false
--       \i sql/queries/maintenance_lock.sql
select
  case when $1::bool then pg_try_advisory_xact_lock(l.key)
  else pg_try_advisory_lock(l.key) end as locked
from hashtextextended('agent_brain_store indexes ' || current_schema(), 0) as l(key);
