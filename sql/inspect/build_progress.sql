-- build_progress: the index builds under way in this database, and the session that each one waits for.
--
-- percent_of_blocks is 100 while the server reads the first block, because it counts all of them as done then.
--
-- psql: \i sql/inspect/build_progress.sql
--       \watch 2
select
  p.pid,
  p.index_relid::regclass as index,
  p.phase,
  round(100.0 * p.tuples_done / nullif(p.tuples_total, 0), 1) as percent_of_tuples,
  round(100.0 * p.blocks_done / nullif(p.blocks_total, 0), 1) as percent_of_blocks,
  nullif(p.current_locker_pid, 0) as waits_for_pid,
  date_trunc('second', now() - a.query_start) as running
from pg_stat_progress_create_index p
join pg_stat_activity a using (pid)
where p.datname = current_database();
