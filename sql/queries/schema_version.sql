-- schema_version: the newest migration that was applied. Fails where no migration ever was.
--
-- returns one: version int4
--
-- psql: \i sql/queries/schema_version.sql
select coalesce(max(version), 0) as version
from schema_version;
