-- connections: how many connections the server allows, how many are open now, and how many of them are this library's.
--
-- allowed leaves out the places that are reserved for administrators. clients is how many machines have connections of
-- this library. A connection of the library has its name, or has sent one of its statements.
--
-- psql: \i sql/inspect/connections.sql
with ours as (
  select client_addr
  from pg_stat_activity
  where (application_name = 'agent_brain_store' or query like '%/* agent_brain_store:%')
    and backend_type = 'client backend' and pid <> pg_backend_pid()
)
select
  current_setting('max_connections')::int4 - current_setting('superuser_reserved_connections')::int4
    - current_setting('reserved_connections')::int4 as allowed,
  (select count(*) from pg_stat_activity where backend_type = 'client backend')::int4 as open,
  (select count(*) from ours)::int4 as of_this_library,
  (select count(distinct coalesce(host(client_addr), 'local')) from ours)::int4 as clients;
