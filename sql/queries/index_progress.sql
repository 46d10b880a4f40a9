-- index_progress: how far a session has come with building an index. No row while it builds none.
--
-- $1  pid  int4  the building session, from pg_backend_pid()
--
-- returns many: phase text, tuples_done int8
--
-- psql: \bind 4711
--       \i sql/queries/index_progress.sql
select phase, tuples_done
from pg_stat_progress_create_index
where pid = $1::int4;
