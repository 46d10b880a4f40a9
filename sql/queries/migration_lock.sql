-- migration_lock: try to become the only one who changes this schema's structure, until the transaction ends.
--
-- Never waits: a waiting session would hold a snapshot, and a concurrent index build elsewhere would wait for that.
--
-- returns one: locked bool
--
-- psql: \i sql/queries/migration_lock.sql
select pg_try_advisory_xact_lock(hashtextextended('agent_brain_store ' || current_setting('agent_brain.schema'), 0)) as locked;
