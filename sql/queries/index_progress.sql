-- index_progress: how far a session has come with building an index. There is no row while it builds none.
--
-- $1  pid  int4  the session that builds, as its pg_backend_pid() says
--
-- returns many: building bool, waiting bool, tuples_done int8, scanned float8, lockers_done int8, lockers_total int8
--
-- psql: \bind 4711
--       \i sql/queries/index_progress.sql
select
  phase like 'building index%' as building,
  phase like 'waiting for%' and lockers_total > 0 as waiting,
  tuples_done,
  -- While the server reads the first block, it counts all of them as done.
  case when blocks_done < blocks_total then blocks_done::float8 / blocks_total else 0 end as scanned,
  lockers_done,
  lockers_total
from pg_stat_progress_create_index
where pid = $1::int4;
