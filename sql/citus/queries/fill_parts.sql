-- fill_parts: give each shard of chunks its row in parts, if one has none.
--
-- returns one: filled bool
--
-- psql: \i sql/citus/queries/fill_parts.sql
select fill_parts(false) as filled;
