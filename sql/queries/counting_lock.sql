-- counting_lock: try to become the one session that counts terms. Another one finds the lock taken, and nobody waits.
--
-- The lock is held until the transaction ends. It is a statement of its own, so that the next statement sees all that
-- the session before has counted.
--
-- returns one: locked bool
--
-- psql: \i sql/queries/counting_lock.sql
select pg_try_advisory_xact_lock(hashtextextended('agent_brain_store terms ' || current_schema(), 0)) as locked;
