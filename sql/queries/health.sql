-- health: a cheap read that touches the store and the server.
--
-- returns one: chunks int8, server_version text, vector_version text, store_bytes int8, in_recovery bool
--
-- psql: \i sql/queries/health.sql
select
  (select coalesce(sum(chunks), 0)::int8 from chunk_counts) as chunks,
  current_setting('server_version') as server_version,
  (select extversion from pg_extension where extname = 'vector') as vector_version,
  pg_total_relation_size('chunks') as store_bytes,
  pg_is_in_recovery() as in_recovery
from (values (1)) as one
left join chunks on false;  -- locks chunks before chunk_counts, as writers do; else it could deadlock with truncate
