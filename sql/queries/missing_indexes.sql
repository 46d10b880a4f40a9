-- missing_indexes: the indexes of a migration that somebody has dropped.
--
-- statement builds the index again without blocking writers.
--
-- returns many: name text, statement text
--
-- psql: \i sql/queries/missing_indexes.sql
select name, replace(definition, 'CREATE INDEX', 'CREATE INDEX CONCURRENTLY') as statement
from expected_indexes
where to_regclass(format('%I.%I', current_schema(), name)) is null
order by name;
