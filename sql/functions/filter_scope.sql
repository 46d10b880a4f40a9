-- filter_scope: the places of all chunks that pass a filter, if there are at most so many.
--
-- The planner knows nothing about a jsonpath. It expects one chunk in a hundred to pass, whatever the filter says. So a
-- search asks this function first. If few chunks pass, it compares these one by one. Otherwise it uses its index.
--
-- Example: 200,000 chunks, a filter that 4,000 of them pass, and at most 4,700 places. A look at 128 chunks finds two that
-- pass, which could mean more than 4,700. So a second look at 850 follows. It finds 17, which means some 4,000, and their
-- places are collected. Half of all chunks pass another filter. The first look shows enough, and nothing is collected. If
-- the first look finds none, or so few that there is no doubt, there is no second look, because it would take longer than
-- collecting.
--
-- filter         text  a jsonpath; '' passes every chunk
-- source_prefix  text  what metadata.source begins with, if the filter implies it; '' otherwise
-- at_most        int8  how many places to return
--
-- returns one: places tid[], share float8
--   places is null if more than at_most chunks pass. share is the part of all chunks that seems to pass.
--
-- called by: vector_results, keyword_results, hybrid_ranking, keyword_search_refined.sql,
--   vector_search_refined.sql
-- inlined: no. The session keeps the plan of the looks. "execute" has the other made for this very filter. The setting
--   below tells the planner what evaluating a jsonpath takes. By default it counts a twentieth, and reads every chunk of
--   a store of some thousand, where an index takes half of the time.
--
-- psql: select cardinality(places) from filter_scope('strict exists($ ? (@.language == "python"))', '', 1000);
create or replace function filter_scope(
  filter text, source_prefix text, at_most int8, out places tid[], out share float8
)
language plpgsql stable parallel safe
set plan_cache_mode = force_generic_plan
set cpu_operator_cost = 0.05
set search_path from current
as $$
declare
  path   constant jsonpath := nullif(filter, '');
  total  constant float8 := (select greatest(sum(chunks), 1) from chunk_counts);
  one    constant float8 := total / greatest(at_most, 1);  -- of so many chunks one passes, if at_most pass
  last   constant float8 := least(20 * one, greatest(80, at_most / 4.0));  -- how many chunks the second look is at
  look   float8;  -- how many chunks to look at; the first look finds three if at_most pass, and the second up to 20
  seen   int8;
  passed int8;
  pages  int8;  -- chunks that pass can lie together, but not on so many pages of the table
begin
  if total > at_most then
    foreach look in array array[greatest(40, least(3 * one, at_most / 8.0)), last] loop
      select count(*), count(page), count(distinct page)
      into seen, passed, pages
      from (
        select case when matches(metadata, path, source_prefix) then (ctid::text::point)[0] end as page
        from chunks tablesample system (least(100 * look / total, 100)) repeatable (1)
        offset 0  -- so that the filter is evaluated once
      ) looks;
      exit when passed * total < 0.4 * at_most * seen;
      share := passed / nullif(seen, 0)::float8;
      if passed * total > 0.9 * at_most * seen
        and (pages > 5 or passed > 10 and 5 * passed > seen or look = last)
      then
        return;
      end if;
    end loop;
  end if;
  execute
    'select coalesce(array_agg(ctid), ''{}'')
     from (select ctid from chunks where matches(metadata, $1, $2) limit $3) passing'
  into places
  using path, source_prefix, at_most + 1;
  if cardinality(places) <= at_most then
    share := cardinality(places) / total;
  else
    share := greatest(share, at_most / total);
    places := null;
  end if;
end
$$;
