-- keyword_ranking: the k best chunks for the words of a question. This is the keyword ranking of every search.
--
-- It scores about a budget of chunks first. That can find too few when a filter hides most of them, or when k is large.
-- Then it looks how many matches there can be, and scores more in the same statement:
--
-- - If no more chunks pass the filter than the budget, it scores all of these: bm25() finds them by the filter.
-- - Otherwise it takes ten times the budget, again and again, until it has found enough or scored every match.
--
-- Example: a question under a filter for one file of 20 chunks. The first 750 chunks by words hold two of that file. Only 20
-- chunks pass the filter, so all 20 are scored, and those with a word of the question are returned.
--
-- query          text    a question in plain words
-- k              int4    how many
-- filter         text    a jsonpath; '' passes every chunk
-- source_prefix  text    what metadata.source begins with, where the filter implies it; '' otherwise
-- also           text[]  chunks that are scored and returned in any case, by their ids
--
-- returns many: chunk_id text, score float8
--   No order. Without also at most k rows.
--
-- called by: keyword_search.sql, hybrid_search.sql
-- inlined: no. Without a filter and without also, the plan of bm25() is kept for the session, because planning it takes longer than
--   running it. Otherwise "execute" has the plan made for these very values.
--
-- psql: select * from keyword_ranking('how do I load chunks', 5, '', '', '{}');
create or replace function keyword_ranking(query text, k int4, filter text, source_prefix text, also text[])
returns table (chunk_id text, score float8)
language plpgsql stable parallel safe rows 50
set plan_cache_mode = force_generic_plan
set search_path from current
as $$
declare
  -- How many chunks to score. -1 means: every match, found by the filter.
  budget       int8 := (select s.budget from ranking_settings() s);
  first_budget constant int8 := budget;
  ids          text[];
  scores       float8[];
  found        int8;  -- how many chunks the words have brought in
  with_a_word  int8;  -- at most so many chunks have a word of the question
  passing      int8;  -- so many pass the filter, up to one more than the first budget; null without a filter
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
