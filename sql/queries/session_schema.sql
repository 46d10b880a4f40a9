-- session_schema: where this session looks up names, and which process of which server it is.
--
-- The library reads it whenever it connects. In another schema it would use another store.
--
-- returns one: search_path text, pid int4, server_started text
--
-- psql: \i sql/queries/session_schema.sql
select
  current_setting('search_path') as search_path,
  pg_backend_pid() as pid,
  pg_postmaster_start_time()::text as server_started;
