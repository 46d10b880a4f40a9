-- verbatim: the chunks whose text has a question of nothing but stop words, gathered from all shards.
--
-- Each shard reads its part of the 30 budgets of chunks, and returns its k best.
--
-- The parameters and columns are those of sql/functions/verbatim.sql. places is always null.
--
-- query          text
-- k              int4
-- path           jsonpath
-- source_prefix  text
-- places         tid[]
--
-- returns many: chunk_id text, score float8
-- called by: keyword_ranking
-- inlined: no. Citus makes no plan without the values.
create or replace function verbatim(query text, k int4, path jsonpath, source_prefix text, places tid[])
returns table (chunk_id text, score float8)
language plpgsql stable rows 10
set plan_cache_mode = force_custom_plan
set search_path from current
as $$
#variable_conflict use_column
declare
  pattern constant text := verbatim_pattern(query);
  filter  constant text := coalesce(path::text, '');
  share   constant int4 := (  -- of the texts, for one shard; null reads all
    select least(ceil(30.0 * nullif(budget, 0) / greatest(count(*), 1)), 2147483647)
    from ranking_settings()
    cross join pg_dist_shard
    where logicalrelid = 'chunks'::regclass
    group by budget
  );
  plan    record;  -- of no words; what the length of a chunk counts
begin
  if pattern is null then
    return;
  end if;
  select p.flat, p.slope into plan from plan_query('', 0) p;
  return query
    select v.chunk_id, v.score
    from parts p
    cross join lateral verbatim_on(p.shard, pattern, k, filter, source_prefix, share, plan.flat, plan.slope) v
    order by v.score desc, v.chunk_id collate "C"
    limit k;
end
$$;
