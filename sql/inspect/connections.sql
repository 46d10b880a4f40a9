-- connections: how many connections the server allows, and how many are open now.
--
-- allowed leaves out the places that are reserved for administrators.
--
-- psql: \i sql/inspect/connections.sql
select
  current_setting('max_connections')::int4 - current_setting('superuser_reserved_connections')::int4
    - current_setting('reserved_connections')::int4 as allowed,
  count(*) filter (where backend_type = 'client backend')::int4 as open,
  count(*) filter (where application_name = 'agent_brain_store')::int4 as of_this_library
from pg_stat_activity;
