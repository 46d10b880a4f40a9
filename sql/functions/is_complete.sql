-- is_complete: whether a scan of the vector index has found every leader that passes a filter, or has a copy that does.
--
-- hits           int8      how many leaders it found
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
  execute
    'select count(*)
     from (
       select
       from chunks c
       where not is_copy
         and (matches(metadata, $1, $2) or (has_copies and exists (select from copies(c.chunk_id, 1, $1, $2))))
       limit $3
     ) passing'
  into passing
  using path, source_prefix, hits + 1;
  return passing <= hits;
end
$$;
