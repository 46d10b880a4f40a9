-- slowest: the library's statements by the total time that the server spent on them, most first.
--
-- It needs the extension pg_stat_statements. Times are in milliseconds. hit_percent is how much of what a statement read
-- was in shared_buffers. Statements inside functions count for the query that called them.
--
-- psql: \i sql/inspect/slowest.sql
select
  substring(query from '/\* agent_brain_store:(\w+) \*/') as file,
  sum(calls)::int8 as calls,
  round(sum(total_exec_time)::numeric, 1)::float8 as total_ms,
  round((sum(total_exec_time) / sum(calls))::numeric, 2)::float8 as mean_ms,
  round(max(max_exec_time)::numeric, 2)::float8 as longest_ms,
  round(sum(rows)::numeric / sum(calls), 1)::float8 as rows_a_call,
  round(100.0 * sum(shared_blks_hit) / nullif(sum(shared_blks_hit + shared_blks_read), 0), 1)::float8 as hit_percent
from pg_stat_statements
where dbid = (select oid from pg_database where datname = current_database())
  and query like '%/* agent_brain_store:%'
  and query not like '%pg_stat_statements%'
group by 1
having sum(calls) > 0
order by total_ms desc
limit 25;
