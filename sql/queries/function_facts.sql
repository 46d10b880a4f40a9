-- function_facts: which functions of sql/functions this schema has, and from which files.
--
-- hash is the hash of the file that was applied last. A dropped function has no row, so the start makes it again.
--
-- returns many: name text, hash text, library text
--
-- psql: \i sql/queries/function_facts.sql
select f.name, f.hash, f.library
from schema_functions f
where exists (select from pg_proc p where p.proname = f.name and p.pronamespace = current_schema()::regnamespace);
