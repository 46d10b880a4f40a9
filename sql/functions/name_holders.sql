-- name_holders: which of given chunks have an exact name.
--
-- names  tsquery[]  what question_names() returns
-- ids    text[]     the ids of chunks
--
-- returns many: name tsquery, holders text[]
-- called by: hybrid_ranking
-- inlined: no. The session keeps its plan, because making it takes a third of its time.
create or replace function name_holders(names tsquery[], ids text[])
returns table (name tsquery, holders text[])
language plpgsql stable parallel safe rows 3
set plan_cache_mode = force_generic_plan
set search_path from current
as $$
begin
  return query
    select each.name, array_agg(held.id)
    from unnest(names) as each (name)
    join (select c.chunk_id as id, c.tsv from chunks c where c.chunk_id = any(ids) offset 0) held on held.tsv @@ each.name
    group by each.name;
end
$$;
