-- is_complete: whether nearest() missed no match. An index scan can give up early, above all under a filter.
--
-- The matches are counted only when nearest() found fewer than k.
--
-- found          int8  how many rows nearest() returned
-- k              int4  how many it was asked for
-- filter         text  a jsonpath; '' matches every chunk
-- source_prefix  text  what metadata.source begins with, where the filter implies it; '' otherwise
--
-- returns one: complete bool
-- called by: vector_search.sql, hybrid_search.sql
-- inlined: yes. It returns a table of one row for that: a function with a sub-select that returns a value is never inlined.
create or replace function is_complete(found int8, k int4, filter text, source_prefix text) returns table (complete bool)
language sql stable parallel safe
begin atomic
  select found = k or found = (select count(*) from chunks where matches(metadata, filter, source_prefix));
end;
