-- matches: whether a chunk passes a filter.
--
-- The planner replaces a call by its body and drops a condition whose value is null or ''. So it sees which indexes help:
-- the GIN index on metadata serves the jsonpath, and the btree index on source serves the prefix. A jsonpath could not
-- use a btree index. In a plan that is kept, the planner does not know the values. Then it uses neither index.
--
-- metadata       jsonb
-- path           jsonpath  null passes every chunk
-- source_prefix  text      what metadata.source begins with, where the filter implies it; '' otherwise
--
-- returns bool
-- called by: nearest, copies, is_complete, filter_scope, bm25, count_matching_chunks.sql, delete_matching_chunks.sql,
--   describe_metadata.sql, list_chunks.sql, update_metadata.sql, with_every_word, verbatim
-- inlined: yes
create or replace function matches(metadata jsonb, path jsonpath, source_prefix text) returns bool
language sql immutable parallel safe
return
  (path is null or metadata @@ path)
  and (source_prefix = '' or left(metadata ->> 'source', 512) collate "C" ^@ left(source_prefix, 512));
