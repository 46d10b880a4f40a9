-- vector_schema: the schema that the extension pgvector is installed in.
--
-- returns many: schema text
--
-- psql: \i sql/queries/vector_schema.sql
select n.nspname::text as schema
from pg_extension e
join pg_namespace n on n.oid = e.extnamespace
where e.extname = 'vector';
