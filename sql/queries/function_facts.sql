-- function_facts: the functions of this schema as sql/functions made them.
--
-- hash is that of the file that was applied last. A function that is gone has no row, so the start makes it again.
--
-- returns many: name text, hash text, library text
--
-- psql: \i sql/queries/function_facts.sql
select f.name, f.hash, f.library
from schema_functions f
where exists (select from pg_proc p where p.proname = f.name and p.pronamespace = current_schema()::regnamespace);
