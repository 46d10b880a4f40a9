-- filter_scope: the places of all chunks that pass a filter, if there are at most so many.
--
-- The planner knows nothing about a jsonpath. It expects one chunk in a hundred to pass, whatever the filter says. So a
-- search asks this function first. If few chunks pass, it compares these one by one. Otherwise it uses its index.
--
-- Example: 200,000 chunks, a filter that 4,000 of them pass, and at most 6,600 places. A look at some 40 chunks finds one
-- that passes, so a second look at 600 follows. It finds twelve, which means some 4,000, and their places are collected.
-- Half of all chunks pass another filter. The first look shows enough, and nothing is collected.
--
-- filter         text  a jsonpath; '' passes every chunk
-- source_prefix  text  what metadata.source begins with, if the filter implies it; '' otherwise
-- at_most        int4  how many places to return
--
-- returns one: places tid[]
--   null if more than at_most chunks pass
--
-- called by: vector_search.sql, keyword_search.sql, hybrid_search.sql
-- inlined: no. "execute" has each plan made for this very filter.
--
-- psql: select cardinality(filter_scope('strict exists($ ? (@.language == "python"))', '', 1000));
create or replace function filter_scope(filter text, source_prefix text, at_most int4, out places tid[])
language plpgsql stable parallel safe
set search_path from current
as $$
declare
  total  constant float8 := (select greatest(sum(chunks), 1) from chunk_counts);
  looks  constant float8[] := array[40, 20 * total / greatest(at_most, 1)];  -- how many chunks each look is at
  look   float8;
  seen   int8;
  passed int8;
begin
  if total > at_most then
    foreach look in array looks loop
      execute
        'select count(*), count(*) filter (where matches(metadata, $1, $2))
         from chunks tablesample system (least(100 * $3 / $4, 100)) repeatable (1)'
      into seen, passed
      using filter, source_prefix, look, total;
      exit when passed = 0 and seen > 0;  -- a look at few pages can see none
      if passed * total > 1.5 * at_most * seen and (passed > 10 or look = looks[2]) then
        return;
      end if;
    end loop;
  end if;
  execute
    'select coalesce(array_agg(ctid), ''{}'')
     from (select ctid from chunks where matches(metadata, $1, $2) limit $3) passing'
  into places
  using filter, source_prefix, at_most + 1;
  if cardinality(places) > at_most then
    places := null;
  end if;
end
$$;
