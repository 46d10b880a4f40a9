-- store_facts: the versions, the column type and the settings of this store, which the start checks.
--
-- returns one: server_version int4, vector_version text, vector_schema text, column_type text, dimensions int4,
--   distance text, language text, generation int4, functions_at_home bool
--
-- psql: \i sql/queries/store_facts.sql
select
  current_setting('server_version_num')::int4 as server_version,
  e.extversion as vector_version,
  n.nspname::text as vector_schema,
  split_part(format_type(a.atttypid, null), '.', -1) as column_type,
  a.atttypmod as dimensions,
  s.distance,
  search_config()::text as language,
  s.generation,
  (
    -- Some functions keep the name of the schema that they were made in. If the schema is renamed, they no longer find
    -- their tables, or find those of another store.
    select bool_and(concat(setting, ',') ^@ concat('search_path=', quote_ident(current_schema()), ','))
    from pg_proc f, unnest(f.proconfig) as setting
    where f.pronamespace = current_schema()::regnamespace and setting ^@ 'search_path='
  ) as functions_at_home
from pg_attribute a
cross join store_settings s
join pg_extension e on e.extname = 'vector'
join pg_namespace n on n.oid = e.extnamespace
where a.attrelid = 'chunks'::regclass and a.attname = 'embedding';
