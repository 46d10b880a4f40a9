-- is_complete: whether nearest() has found every match that it should.
--
-- An index scan can give up too early, above all under a filter. The matches are counted only if nearest() found fewer
-- than k.
--
-- hits           int8  how many rows nearest() returned
-- k              int4  how many it was asked for
-- filter         text  a jsonpath; '' matches every chunk
-- source_prefix  text  what metadata.source begins with, if the filter implies it; '' otherwise
--
-- returns bool
-- called by: vector_search.sql, hybrid_search.sql
-- inlined: no. Most searches find k and count nothing, so they should not pay for planning the count: 0.2 ms.
create or replace function is_complete(hits int8, k int4, filter text, source_prefix text) returns bool
language plpgsql stable parallel safe
set search_path from current
as $$
declare
  matching int8;
begin
  if hits >= k then
    return true;
  end if;
  execute 'select count(*) from chunks where matches(metadata, $1, $2)' into matching using filter, source_prefix;
  return hits = matching;
end
$$;
