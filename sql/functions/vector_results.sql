-- vector_results: the chunks nearest to a vector, best first, with their texts.
--
-- query_embedding  vector
-- k                int4   how many
-- filter           text   a jsonpath; '' matches every chunk
-- source_prefix    text   what metadata.source begins with, where the filter implies it; '' otherwise
--
-- returns many: chunk_id text, text text, metadata jsonb, score float8, gave_up bool, generation int4
--   vector_search.sql says what they mean.
--
-- called by: vector_search.sql
-- inlined: no. The session keeps its plan, because making it takes a fourth of a search. It depends on no filter.
create or replace function vector_results(query_embedding vector, k int4, filter text, source_prefix text)
returns table (chunk_id text, text text, metadata jsonb, score float8, gave_up bool, generation int4)
language plpgsql stable parallel safe rows 10
set plan_cache_mode = force_generic_plan
set search_path from current
as $$
#variable_conflict use_column
declare
  places tid[];  -- the places of the chunks that pass the filter, if they are few enough to compare them all
begin
  if filter || source_prefix <> '' then
    places := (select places from filter_scope(filter, source_prefix, exact_limit(k)));
  end if;
  return query
  with found as materialized (
    select chunk_id, distance, gave_up, (select generation from store_settings) as generation
    from nearest(query_embedding, k, filter, source_prefix, places)
  )
  select c.chunk_id, c.text, c.metadata, similarity(f.distance), f.gave_up, f.generation
  from found f
  join chunks c using (chunk_id)
  order by f.distance, c.chunk_id;
end
$$;
