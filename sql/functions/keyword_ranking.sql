-- keyword_ranking: the k best chunks for the words of a question. Every search takes its keyword ranking from here.
--
-- First it scores about as many chunks as the budget says. These can be too few, if a filter hides most of them or if k
-- is large. Then it looks how many matches there can be, and scores more, all in the same statement:
--
-- - If the chunks that pass the filter fit into the budget, bm25() finds them by the filter and scores every match.
-- - Otherwise the budget becomes ten times as large, until enough chunks are found or every match is scored.
--
-- Example: you ask for five chunks under a filter for one file, which has 20 chunks. The terms that fit into a budget
-- of 750 bring in only two chunks of that file. Only 20 chunks pass the filter, so all 20 are looked at, and the five
-- best that have a word of the question are returned.
--
-- query          text    a question in plain words
-- k              int4    how many
-- filter         text    a jsonpath; '' passes every chunk
-- source_prefix  text    what metadata.source begins with, where the filter implies it; '' otherwise
-- also           text[]  ids of chunks that are scored and returned in any case
--
-- returns many: chunk_id text, score float8
--   The rows have no order. Without also there are at most k.
--
-- called by: keyword_search.sql, hybrid_search.sql
-- inlined: no. Without a filter and without also, the session keeps the plan of bm25(), because making it takes longer
--   than running it. Otherwise "execute" makes a plan for the values at hand.
--
-- psql: select * from keyword_ranking('how do I load chunks', 5, '', '', '{}');
create or replace function keyword_ranking(query text, k int4, filter text, source_prefix text, also text[])
returns table (chunk_id text, score float8)
language plpgsql stable parallel safe rows 50
set plan_cache_mode = force_generic_plan
set search_path from current
as $$
declare
  -- How many chunks to score. -1 scores every match, found by the filter.
  budget       int8 := (select s.budget from ranking_settings() s);
  first_budget constant int8 := budget;
  ids          text[];
  scores       float8[];
  found        int8;  -- how many chunks the words have brought in
  with_a_word  int8;  -- at most this many chunks have a word of the question
  passing      int8;  -- how many pass the filter, counted up to one more than the first budget; null without a filter
begin
  loop
    if filter = '' and source_prefix = '' and also = '{}' then
      select array_agg(best.chunk_id), array_agg(best.score), count(*)
      into ids, scores, found
      from (
        select b.chunk_id, b.score
        from bm25(query, '', '', budget::int4, '{}') b
        order by b.score desc, b.chunk_id collate "C"
        limit k
      ) best;
    else
      execute
        'select array_agg(chunk_id), array_agg(score), coalesce(max(by_words_alone), 0)
         from (
           select
             chunk_id, score,
             row_number() over (order by score desc, chunk_id collate "C") as place,
             count(*) filter (where by_words) over () as by_words_alone
           from bm25($1, $2, $3, $4, $5)
         ) ranked
         where place <= $6 or chunk_id = any($5)'
      into ids, scores, found
      using query, filter, source_prefix, budget::int4, also, k;
    end if;
    exit when found >= k or budget <= 0;
    if with_a_word is null then
      select coalesce(sum(greatest(known.df, 1)), 0)
      into with_a_word
      from unnest(to_tsvector(search_config(), searchable(query))) as word
      left join term_statistics known on known.term = word.lexeme;
    end if;
    exit when budget >= with_a_word;
    if passing is null and filter || source_prefix <> '' then
      execute 'select count(*) from (select from chunks where matches(metadata, $1, $2) limit $3) passed'
      into passing
      using filter, source_prefix, first_budget + 1;
    end if;
    if passing <= first_budget then
      exit when found = passing;
      budget := -1;
    else
      budget := case when 10 * budget < least(with_a_word, 2147483647) then 10 * budget else 0 end;
    end if;
  end loop;
  return query select * from unnest(ids, scores);
end
$$;
