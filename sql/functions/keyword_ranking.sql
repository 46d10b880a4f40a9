-- keyword_ranking: the k best chunks for the words of a question. Every search takes its keyword ranking from here.
--
-- If at most two budgets of chunks pass the filter, all of them are scored. That takes less time than reading the term
-- index for one budget (docs/decisions/0083-two-budgets-of-chunks-under-a-filter.md). Otherwise about as many chunks as
-- the budget says are scored. These can be too few, if a filter hides most of them or if k is large. Then the budget
-- becomes ten times as large, in the same statement, until enough chunks are found or every match is scored. If the
-- chunks that pass fit into two of it by then, they are scored.
--
-- Example: you ask for five chunks under a filter for one file, which has 20 chunks. They are fewer than two budgets of 400. So
-- all 20 are looked at, and the five best that have a word of the question are returned.
--
-- query          text   a question in plain words
-- k              int4   how many
-- filter         text   a jsonpath; '' passes every chunk
-- source_prefix  text   what metadata.source begins with, where the filter implies it; '' otherwise
-- places         tid[]  what filter_scope() returns: where the chunks that pass the filter are, or null
-- is_wide        bool   what filter_scope() returns: whether one in 80 of all chunks passes
--
-- returns many: chunk_id text, score float8, is_widened bool
--   There are at most k rows. They have no order. is_widened is true in all of them if the budget became larger.
--
-- called by: keyword_results, hybrid_ranking, keyword_search_refined.sql
-- inlined: no. The session keeps the plan of bm25(), because making it takes longer than running it. Only for a filter
--   that fewer pass "execute" makes a plan, because the index on metadata can help there.
--
-- psql: select * from keyword_ranking('how do I load chunks', 5, '', '', null, true);
create or replace function keyword_ranking(
  query text, k int4, filter text, source_prefix text, places tid[], is_wide bool
)
returns table (chunk_id text, score float8, is_widened bool)
language plpgsql stable parallel safe rows 10
set plan_cache_mode = force_generic_plan
set search_path from current
as $$
declare
  -- How many chunks to score; 0 scores every match. A long ranking needs more, or its end would lack chunks.
  budget      int8 := (select least(s.budget * greatest(1, k / 50.0), 2147483647) from ranking_settings() s);
  few         tid[];  -- the places, once they fit into two budgets
  path        jsonpath := nullif(filter, '');
  prefix      text := source_prefix;
  ids         text[];
  scores      float8[];
  with_a_word int8;  -- at most this many chunks have a word of the question
begin
  is_widened := false;
  loop
    if cardinality(places) <= 2 * budget then
      few := places;
      path := null;
      prefix := '';
    end if;
    if is_wide or (path is null and prefix = '') then
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
    if budget >= least(with_a_word, 2147483647) and (cardinality(places) <= 2 * budget) is not true then
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
