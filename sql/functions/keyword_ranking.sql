-- keyword_ranking: the k best chunks for the words of a question. Every search takes its keyword ranking from here.
--
-- If the chunks that pass the filter fit into the budget, all of them are scored. Otherwise about as many chunks as the
-- budget says are scored. These can be too few, if a filter hides most of them or if k is large. Then the budget becomes
-- ten times as large, in the same statement, until enough chunks are found or every match is scored.
--
-- Example: you ask for five chunks under a filter for one file, which has 20 chunks. They fit into a budget of 750. So all
-- 20 are looked at, and the five best that have a word of the question are returned.
--
-- query          text    a question in plain words
-- k              int4    how many
-- filter         text    a jsonpath; '' passes every chunk
-- source_prefix  text    what metadata.source begins with, where the filter implies it; '' otherwise
-- also           text[]  ids of chunks that are scored and returned in any case
-- places         tid[]   what filter_scope() returns: where the chunks that pass the filter are, or null
--
-- returns many: chunk_id text, score float8
--   The rows have no order. Without also there are at most k.
--
-- called by: keyword_search.sql, hybrid_search.sql
-- inlined: no. Without a filter and without also, the session keeps the plan of bm25(), because making it takes longer
--   than running it. Otherwise "execute" makes a plan for the values at hand.
--
-- psql: select * from keyword_ranking('how do I load chunks', 5, '', '', '{}', null);
create or replace function keyword_ranking(
  query text, k int4, filter text, source_prefix text, also text[], places tid[]
)
returns table (chunk_id text, score float8)
language plpgsql stable parallel safe rows 50
set plan_cache_mode = force_generic_plan
set search_path from current
as $$
declare
  budget      int8 := (select s.budget from ranking_settings() s);  -- how many chunks to score; 0 scores every match
  few         constant tid[] := case when cardinality(places) <= budget then places end;
  ids         text[];
  scores      float8[];
  found       int8;  -- how many chunks the words have brought in
  with_a_word int8;  -- at most this many chunks have a word of the question
begin
  loop
    if filter = '' and source_prefix = '' and also = '{}' then
      select array_agg(best.chunk_id), array_agg(best.score), count(*)
      into ids, scores, found
      from (
        select b.chunk_id, b.score
        from bm25(query, '', '', budget::int4, '{}', null) b
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
           from bm25($1, $2, $3, $4, $5, $7)
         ) ranked
         where place <= $6 or chunk_id = any($5)'
      into ids, scores, found
      using query, filter, source_prefix, budget::int4, also, k, few;
    end if;
    exit when found >= k or budget = 0 or few is not null;
    if with_a_word is null then
      select coalesce(sum(greatest(known.df, 1)), 0)
      into with_a_word
      from unnest(to_tsvector(search_config(), searchable(query))) as word
      left join term_statistics known on known.term = word.lexeme;
    end if;
    exit when budget >= with_a_word;
    budget := case when 10 * budget < least(with_a_word, 2147483647) then 10 * budget else 0 end;
  end loop;
  return query select * from unnest(ids, scores);
end
$$;
