-- with_every_word: the ids of chunks that have every word of a question, gathered from all shards.
--
-- The coordinator makes the tsquery, because a word that is being typed stands for terms of the whole store. Each shard
-- returns at most a budget of chunks, the shortest of those that it looks at.
--
-- The parameters are those of sql/functions/with_every_word.sql. places is always null.
--
-- query          text
-- filter         text
-- source_prefix  text
-- places         tid[]
--
-- returns text[]
-- called by: keyword_search_refined.sql
-- inlined: no. Citus makes no plan without the values.
create or replace function with_every_word(query text, filter text, source_prefix text, places tid[]) returns text[]
language plpgsql stable
set plan_cache_mode = force_custom_plan
set search_path from current
as $$
declare
  form  constant tsquery := every_word(query);
  most  constant int4 := (select nullif(budget, 0) from ranking_settings());
  share constant int4 := case when most is not null then shard_effort(most) end;
  ids   text[];
begin
  select array_agg(best.chunk_id)
  into ids
  from (
    select f.chunk_id
    from parts p
    cross join lateral every_word_on(p.shard, form::text, filter, source_prefix, most, 5 * share::int8) f
    order by f.tokens, f.chunk_id collate "C"
    limit most
  ) best;
  return coalesce(ids, '{}');
end
$$;
