-- locks: the sessions of this database that wait for a lock, and the session that each one waits for.
--
-- A file is the library's query file, migration or function. A session without one is not the library's, or has none of
-- its statements as its last. If a blocker is "idle in transaction", somebody has forgotten to end a transaction.
--
-- psql: \i sql/inspect/locks.sql
select
  waiting.pid,
  substring(waiting.query from '/\* agent_brain_store:(\w+) \*/') as file,
  date_trunc('milliseconds', now() - waiting.query_start) as waits_since,
  l.mode as wants,
  coalesce(l.relation::regclass::text, l.locktype) as of,
  blocker.pid as blocked_by,
  blocker.application_name as blocker_name,
  substring(blocker.query from '/\* agent_brain_store:(\w+) \*/') as blocker_file,
  blocker.state as blocker_state,
  date_trunc('milliseconds', now() - blocker.xact_start) as blocker_since
from pg_stat_activity waiting
join pg_locks l on l.pid = waiting.pid and not l.granted
cross join unnest(pg_blocking_pids(waiting.pid)) as blocking (pid)
join pg_stat_activity blocker on blocker.pid = blocking.pid
where waiting.datname = current_database()
order by waiting.query_start, waiting.pid, blocker.pid;
