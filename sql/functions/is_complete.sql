-- is_complete: whether an index scan has found every chunk that passes a filter.
--
-- hits           int8      how many chunks it found
-- path           jsonpath  the filter; null passes every chunk
-- source_prefix  text      what metadata.source begins with, if the filter implies it; '' otherwise
--
-- returns bool
-- called by: nearest
-- inlined: no. "execute" has the plan made for this very filter.
create or replace function is_complete(hits int8, path jsonpath, source_prefix text) returns bool
language plpgsql stable parallel safe
set search_path from current
as $$
declare
  passing int8;
begin
  execute 'select count(*) from (select from chunks where matches(metadata, $1, $2) limit $3) passing'
  into passing
  using path, source_prefix, hits + 1;
  return passing <= hits;
end
$$;
