-- use_schema: set a search_path with the schema of a store and the schema of pgvector, until the transaction ends.
--
-- There is no row if the store has lost its vectors, as after "drop extension vector cascade".
--
-- $1  schema  text
--
-- returns many: search_path text
--
-- psql: \bind agent_brain
--       \i sql/queries/use_schema.sql
select set_config('search_path', format('%I, %I, pg_temp', $1::text, n.nspname), true) as search_path
from pg_extension e
join pg_namespace n on n.oid = e.extnamespace
join pg_attribute a on a.attrelid = to_regclass(format('%I.chunks', $1::text)) and a.attname = 'embedding'
where e.extname = 'vector';
