-- keyword_ranking: the k best chunks for the words of a question. Every search takes its keyword ranking from here.
--
-- If at most two budgets of chunks pass the filter, all of them are scored. That takes less time than reading the term
-- index for one budget (docs/decisions/0083-two-budgets-of-chunks-under-a-filter.md). Otherwise about as many chunks as
-- the budget says are scored. A filter hides most of what the words bring in. So the budget grows, by 20 times at most,
-- until three times as many chunks as are wanted should pass (docs/decisions/0087-the-budget-follows-the-filter.md). If
-- too few chunks are found, the budget becomes ten times as large, in the same statement, until they are enough or every
-- match is scored. If the chunks that pass fit into two of it by then, they are scored.
--
-- Example: you ask for five chunks under a filter for one file, which has 20 chunks. They are fewer than two budgets of
-- 400. So all 20 are looked at, and the five best that have a word of the question are returned. Or you ask for ten under
-- a filter that 2,000 of 100,000 chunks pass. Of 400 chunks, only eight or so would pass. So the budget becomes
-- 3 * 10 / 0.02 = 1,500.
--
-- query          text    a question in plain words
-- k              int4    how many
-- filter         text    a jsonpath; '' passes every chunk
-- source_prefix  text    what metadata.source begins with, where the filter implies it; '' otherwise
-- places         tid[]   what filter_scope() returns: where the chunks that pass the filter are, or null
-- share          float8  what filter_scope() returns: which part of all chunks seems to pass; null without a filter
--
-- returns many: chunk_id text, score float8, is_widened bool
--   There are at most k rows. They have no order. is_widened is true in all of them if the first budget found too few.
--
-- called by: keyword_results, hybrid_ranking, keyword_search_refined.sql
-- inlined: no. The session keeps the plan of bm25(), because making it takes longer than running it. If few chunks pass
--   beside the budget, "execute" makes a plan in which the index on metadata can help. Making that plan takes as long
--   as scoring some 500 chunks. The index finds ten chunks in the time that it takes to score one.
--
-- psql: select * from keyword_ranking('how do I load chunks', 5, '', '', null, null);
create or replace function keyword_ranking(
  query text, k int4, filter text, source_prefix text, places tid[], share float8
)
returns table (chunk_id text, score float8, is_widened bool)
language plpgsql stable parallel safe rows 10
set plan_cache_mode = force_generic_plan
set search_path from current
as $$
declare
  -- How many chunks to score; 0 scores every match. A long ranking needs more, or its end would lack chunks.
  budget      int8 := (select least(s.budget * greatest(1, k / 50.0), 2147483647) from ranking_settings() s);
  most_places int8 := 2 * budget;
  passing     float8 := case when share is not null then share * (select sum(chunks) from chunk_counts) end;
  few         tid[];  -- the places, once they fit into two budgets
  path        jsonpath := nullif(filter, '');
  prefix      text := source_prefix;
  ids         text[];
  scores      float8[];
  -- At most this many chunks have a word of the question. It is needed if all of them are scored under a filter.
  with_a_word int8 := case when budget = 0 and share is not null then most_matches(query) end;
begin
  is_widened := false;
  if budget > 0 and share > 0 then
    budget := least(greatest(budget, 3.0 * k / share), 20 * budget, 2147483647);
  end if;
  loop
    if cardinality(places) <= most_places then
      few := places;
      path := null;
      prefix := '';
    end if;
    if (path is null and prefix = '') or 10 * coalesce(nullif(budget, 0), with_a_word) < 5000 + passing then
      select array_agg(best.chunk_id), array_agg(best.score)
      into ids, scores
      from (
        select b.chunk_id, b.score
        from bm25(query, path, prefix, budget::int4, few) b
        order by b.score desc, b.chunk_id collate "C"
        limit k
      ) best;
    else
      execute
        'select array_agg(chunk_id), array_agg(score)
         from (
           select chunk_id, score
           from bm25($1, $2, $3, $4, null)
           order by score desc, chunk_id collate "C"
           limit $5
         ) best'
      into ids, scores
      using query, path, prefix, budget::int4, k;
    end if;
    exit when cardinality(ids) = k or budget = 0 or few is not null;
    if with_a_word is null then
      with_a_word := most_matches(query);
    end if;
    exit when budget >= with_a_word;
    is_widened := true;
    budget := least(10 * budget, 2147483647);
    most_places := 2 * budget;
    if budget >= least(with_a_word, 2147483647) and (cardinality(places) <= most_places) is not true then
      budget := 0;
    end if;
  end loop;
  if ids is null then  -- the last resort
    return query select v.*, is_widened from verbatim(query, k, nullif(filter, '')::jsonpath, source_prefix, places) v;
    return;
  end if;
  return query select *, is_widened from unnest(ids, scores);
end
$$;
