-- filter_scope: the places of all chunks that pass a filter, if there are at most so many.
--
-- The planner knows nothing about a jsonpath. It expects one chunk in a hundred to pass, whatever the filter says. So a
-- search asks this function first. If few chunks pass, it compares these one by one. Otherwise it uses its index.
--
-- It looks at some pages of the table first, with some 40 chunks. As long as there is doubt, it looks at more. The pages
-- are the same each time, and spread over the whole table (docs/decisions/0088-looks-at-pages-add-up.md).
--
-- Example: 200,000 chunks, a filter that 4,000 of them pass, and at most 4,700 places. Of 40 chunks one passes. Of 128
-- chunks two pass, and of 256 five, which could mean more than 4,700. Of 851 chunks 17 pass, which means some 4,000, and
-- their places are collected. Half of all chunks pass another filter. The first look shows enough, and nothing is
-- collected. If 128 chunks have none that passes, or so few that there is no doubt, it looks no further, because
-- collecting takes less time.
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
  pages  constant float8 := pg_relation_size('chunks'::regclass) / current_setting('block_size')::int4;
  one    constant float8 := total / greatest(at_most, 1);  -- of so many chunks one passes, if at_most pass
  enough constant float8 := greatest(40, least(3 * one, at_most / 8.0));  -- how many chunks can show that few pass
  last   constant float8 := least(20 * one, greatest(400, at_most / 4.0));  -- how many chunks are looked at if in doubt
  golden constant float8 := 0.6180339887498949;  -- the fractions of its multiples are spread evenly
  look   float8;
  looked int4 := 0;  -- on how many pages it has looked
  upto   int4;       -- on how many it will have looked after this look
  seen   int8 := 0;  -- how many chunks are on these pages
  passed int8 := 0;  -- how many of those pass
  spread int8 := 0;  -- on how many pages some pass; chunks that pass can lie together, but not on many pages
begin
  if total > at_most then
    foreach look in array array[40, enough, 2 * enough, last] loop
      upto := ceil(least(look / total, 1) * pages);
      continue when upto <= looked;
      select seen + count(*), passed + count(*) filter (where passes), spread + count(distinct page) filter (where passes)
      into seen, passed, spread
      from (
        select floor(pages * (i * golden - floor(i * golden)))::int8 as page
        from generate_series(looked + 1, upto) i
      ) sample
      cross join lateral (
        select matches(metadata, path, source_prefix) as passes
        from chunks
        where ctid >= format('(%s,0)', page)::tid and ctid < format('(%s,0)', page + 1)::tid
        offset 0  -- without this, every page of the table is read
      ) on_it;
      looked := upto;
      exit when look >= enough and passed * total < 0.4 * at_most * seen;
      share := passed / nullif(seen, 0)::float8;
      if passed * total > 0.9 * at_most * seen and spread > 3 then
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
