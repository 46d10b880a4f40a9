-- generation_lock: try to become the only session that fills a second generation of this schema. It never waits.
--
-- returns one: locked bool
--
-- psql: \i sql/queries/generation_lock.sql
select pg_try_advisory_lock(l.key) as locked
from hashtextextended('agent_brain_store generations ' || current_schema(), 0) as l(key);
