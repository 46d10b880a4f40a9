-- keyword_ranking: the k best chunks for the words of a question, gathered from all shards.
--
-- The coordinator plans the question, so a term weighs the same everywhere. Each shard scores its part of the budget and
-- returns its k best chunks. If these are too few in all, the budget becomes ten times as large, as on one node.
--
-- The parameters and columns are those of sql/functions/keyword_ranking.sql. places and share are always null.
--
-- query          text
-- k              int4
-- filter         text
-- source_prefix  text
-- places         tid[]
-- share          float8
--
-- returns many: chunk_id text, score float8, is_widened bool
-- called by: keyword_results, hybrid_ranking
-- inlined: no. Citus makes no plan without the values.
create or replace function keyword_ranking(
  query text, k int4, filter text, source_prefix text, places tid[], share float8
)
returns table (chunk_id text, score float8, is_widened bool)
language plpgsql stable rows 10
set plan_cache_mode = force_custom_plan
set search_path from current
as $$
#variable_conflict use_column
declare
  budget      int8 := (select least(s.budget * greatest(1, k / 50.0), 2147483647) from ranking_settings() s);
  plan        text;
  share       int4;  -- of the budget, for one shard
  ids         text[];
  scores      float8[];
  skipped     int8;  -- how many shards have not scored every match
  with_a_word int8;  -- at most this many chunks have a word of the question
begin
  is_widened := false;
  loop
    plan := (select to_jsonb(p) from plan_query(query, budget::int4) p);
    share := case when budget > 0 then shard_effort(budget::int4) else 0 end;
    select
      (array_agg(best.chunk_id) filter (where best.chunk_id is not null))[:k],
      (array_agg(best.score) filter (where best.chunk_id is not null))[:k],
      count(*) filter (where best.chunk_id is null)
    into ids, scores, skipped
    from (
      select r.chunk_id, r.score
      from parts p
      cross join lateral ranking_on(p.shard, plan, k, filter, source_prefix, share, null::text[]) r
      order by r.score desc nulls first, r.chunk_id collate "C"
    ) best;
    exit when cardinality(ids) = k or skipped = 0;
    if with_a_word is null then
      with_a_word := most_matches(query);
    end if;
    exit when budget >= with_a_word;
    is_widened := true;
    budget := case when 10 * budget < least(with_a_word, 2147483647) then 10 * budget else 0 end;
  end loop;
  if ids is null then  -- the last resort
    return query select v.*, is_widened from verbatim(query, k, nullif(filter, '')::jsonpath, source_prefix, null) v;
    return;
  end if;
  return query select *, is_widened from unnest(ids, scores);
end
$$;
