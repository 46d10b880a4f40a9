-- missing_indexes: the indexes of a migration that somebody has dropped.
--
-- statement builds the index again.
--
-- $1  concurrently  bool  true does not block writers, but cannot run inside a transaction
--
-- returns many: name text, statement text
--
-- psql: \bind true
--       \i sql/queries/missing_indexes.sql
select
  name,
  case when $1::bool then replace(definition, 'CREATE INDEX', 'CREATE INDEX CONCURRENTLY') else definition end as statement
from expected_indexes
where to_regclass(format('%I.%I', current_schema(), name)) is null
order by name;
