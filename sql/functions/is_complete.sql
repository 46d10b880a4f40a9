-- is_complete: whether nearest() has found every match that it should.
--
-- An index scan can give up early, above all under a filter. The matches are only counted when nearest() has found
-- fewer than k.
--
-- found          int8  how many rows nearest() has returned
-- k              int4  how many it was asked for
-- filter         text  a jsonpath; '' matches every chunk
-- source_prefix  text  what metadata.source begins with, where the filter implies it; '' otherwise
--
-- returns one: complete bool
-- called by: vector_search.sql, hybrid_search.sql
-- inlined: yes. It returns a table, though of one row, because a function that returns a value is never inlined if it
--   has a sub-select.
create or replace function is_complete(found int8, k int4, filter text, source_prefix text) returns table (complete bool)
language sql stable parallel safe
begin atomic
  select found = k or found = (select count(*) from chunks where matches(metadata, filter, source_prefix));
end;
