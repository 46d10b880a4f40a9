-- server: the server and its extension, this role and this session, and whether there is a store in the schema.
--
-- vector_version is what this database has, and vector_newest what the server could install. Both are empty without
-- pgvector. encrypted says whether this connection uses TLS, and address is empty for a socket. counts_statements says
-- whether pg_stat_statements can be asked. schema_owner is there if the schema of the store exists, which is the first one of
-- search_path, and may_use_schema says whether this role sees what is in it.
--
-- psql: \i sql/inspect/server.sql
select
  current_setting('server_version') as server_version,
  current_setting('server_version_num')::int4 as server_number,
  e.extversion as vector_version,
  a.default_version as vector_newest,
  n.nspname::text as vector_schema,
  to_regclass('schema_version') is not null as has_store,
  pg_get_userbyid(s.nspowner)::text as schema_owner,
  has_schema_privilege(s.oid, 'usage') as may_use_schema,
  current_database()::text as database,
  current_user::text as role,
  r.rolsuper as is_superuser,
  pg_is_in_recovery() as in_recovery,
  coalesce(t.ssl, false) as encrypted,
  host(inet_server_addr()) as address,
  to_regclass('pg_stat_statements') is not null and current_setting('pg_stat_statements.max', true) is not null
    as counts_statements
from pg_roles r
left join pg_extension e on e.extname = 'vector'
left join pg_namespace n on n.oid = e.extnamespace
left join pg_available_extensions a on a.name = 'vector'
left join pg_stat_ssl t on t.pid = pg_backend_pid()
left join pg_namespace s on s.nspname = btrim(split_part(current_setting('search_path'), ',', 1), '" ')
where r.rolname = current_user;
