-- filter_scope: the places of all chunks that pass a filter, if there are at most so many.
--
-- The planner knows nothing about a jsonpath. It expects one chunk in a hundred to pass, whatever the filter says. So a
-- search asks this function first. If few chunks pass, it compares these one by one. Otherwise it uses its index.
--
-- Example: 200,000 chunks, a filter that 4,000 of them pass, and at most 7,000 places. A look at some 40 chunks finds one
-- that passes, so a second look at 600 follows. It finds twelve, which means some 4,000, and their places are collected.
-- Half of all chunks pass another filter. The first look shows enough, and nothing is collected. If the first look finds
-- none, few pass, and there is no second look.
--
-- filter         text  a jsonpath; '' passes every chunk
-- source_prefix  text  what metadata.source begins with, if the filter implies it; '' otherwise
-- at_most        int4  how many places to return
--
-- returns one: places tid[], is_wide bool
--   places is null if more than at_most chunks pass. is_wide is true if a good part of all chunks does.
--
-- called by: vector_search.sql, keyword_search.sql, hybrid_ranking, keyword_search_refined.sql,
--   vector_search_refined.sql
-- inlined: no. The session keeps the plan of the looks. "execute" has the other made for this very filter. The setting
--   below tells the planner what evaluating a jsonpath takes. By default it counts a twentieth, and reads every chunk of
--   a store of some thousand, where an index takes half of the time.
--
-- psql: select cardinality(places) from filter_scope('strict exists($ ? (@.language == "python"))', '', 1000);
create or replace function filter_scope(
  filter text, source_prefix text, at_most int4, out places tid[], out is_wide bool
)
language plpgsql stable parallel safe
set plan_cache_mode = force_generic_plan
set cpu_operator_cost = 0.05
set search_path from current
as $$
declare
  path   constant jsonpath := nullif(filter, '');
  total  constant float8 := (select greatest(sum(chunks), 1) from chunk_counts);
  look   float8;  -- how many chunks to look at; the second look finds 20 if at_most pass
  seen   int8;
  passed int8;
begin
  is_wide := false;
  if total > at_most then
    foreach look in array array[40, 20 * total / greatest(at_most, 1)] loop
      select count(*), count(*) filter (where matches(metadata, path, source_prefix))
      into seen, passed
      from chunks tablesample system (least(100 * look / total, 100)) repeatable (1);
      exit when passed = 0 and seen > 0;  -- a look at few pages can see none
      is_wide := passed > 10 and 5 * passed > seen;
      if passed * total > 0.9 * at_most * seen and (is_wide or look > 40) then
        return;
      end if;
    end loop;
  end if;
  execute
    'select coalesce(array_agg(ctid), ''{}'')
     from (select ctid from chunks where matches(metadata, $1, $2) limit $3) passing'
  into places
  using path, source_prefix, at_most + 1;
  if cardinality(places) > at_most then
    places := null;
  end if;
end
$$;
