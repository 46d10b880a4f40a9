-- copies: the copies of a chunk that pass a filter, those with the smallest ids.
--
-- leader         text      the id of the chunk that leads
-- k              int4      how many
-- path           jsonpath  the filter; null passes every chunk
-- source_prefix  text      what metadata.source begins with, if the filter implies it; '' otherwise
--
-- returns many: chunk_id text
-- called by: is_complete, nearest
-- inlined: no. The session keeps its plan.
create or replace function copies(leader text, k int4, path jsonpath, source_prefix text)
returns table (chunk_id text)
language plpgsql stable parallel safe rows 10
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set search_path from current
as $$
#variable_conflict use_column
declare
  digest constant int8 := (select vector_digest(embedding::vector) from chunks where chunk_id = leader);
begin
  return query
    select c.chunk_id
    from chunks c
    where c.is_copy and vector_digest(c.embedding::vector) = digest and matches(c.metadata, path, source_prefix)
    order by c.chunk_id
    limit k;
end
$$;
