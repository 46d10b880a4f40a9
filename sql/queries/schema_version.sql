-- schema_version: the newest migration that was applied. It fails in a schema that has none.
--
-- returns one: version int4
--
-- psql: \i sql/queries/schema_version.sql
select coalesce(max(version), 0) as version
from schema_version;
