-- session_state: whether another session of this database is working. There is no row if it is gone.
--
-- $1  pid  int4  the session, as its pg_backend_pid() says
--
-- changed_at is when it last became active or idle.
--
-- returns many: active bool, changed_at timestamptz
--
-- psql: \bind 4711
--       \i sql/queries/session_state.sql
select
  coalesce(state = 'active', true) as active,  -- the state is null if this role may not see it
  state_change as changed_at
from pg_stat_activity
where pid = $1::int4 and datname = current_database();
