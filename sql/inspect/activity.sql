-- activity: what the library's connections are doing now. The one that started its query first is at the top.
--
-- file is the query file, migration or function of the last statement. Behind a pooler the connections are the pooler's.
--
-- psql: \i sql/inspect/activity.sql
select
  pid,
  state,
  wait_event_type || ': ' || wait_event as waits_for,
  date_trunc('milliseconds', now() - query_start) as since,
  pg_blocking_pids(pid) as blocked_by,
  substring(query from '/\* agent_brain_store:(\w+) \*/') as file
from pg_stat_activity
where (application_name = 'agent_brain_store' or query like '%/* agent_brain_store:%')
  and datname = current_database() and pid <> pg_backend_pid()
order by query_start;
