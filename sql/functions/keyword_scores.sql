-- keyword_scores: the BM25 scores of given chunks for the words of a question.
--
-- query  text    a question in plain words
-- ids    text[]  the ids of chunks
--
-- returns many: chunk_id text, score float8
--   A chunk without a word of the question is not among them.
--
-- called by: hybrid_ranking, keyword_search_refined.sql
-- inlined: no. The session keeps its plan, as keyword_ranking() does.
--
-- psql: select * from keyword_scores('how do I load chunks', array(select chunk_id from chunks limit 5));
create or replace function keyword_scores(query text, ids text[])
returns table (chunk_id text, score float8)
language plpgsql stable parallel safe rows 50
set plan_cache_mode = force_generic_plan
set search_path from current
as $$
begin
  return query
    select b.chunk_id, b.score
    from bm25(query, null, '', 0, array(select c.ctid from chunks c where c.chunk_id = any(ids))) b;
end
$$;
