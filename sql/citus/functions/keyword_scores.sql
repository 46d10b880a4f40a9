-- keyword_scores: the BM25 scores of given chunks for the words of a question, gathered from all shards.
--
-- query  text    a question in plain words
-- ids    text[]  the ids of chunks
--
-- returns many: chunk_id text, score float8
--   A chunk without a word of the question is not among them.
--
-- called by: hybrid_ranking
-- inlined: no. Citus makes no plan without the values.
create or replace function keyword_scores(query text, ids text[])
returns table (chunk_id text, score float8)
language plpgsql stable rows 50
set plan_cache_mode = force_custom_plan
set search_path from current
as $$
#variable_conflict use_column
declare
  plan constant text := (select to_jsonb(p) from plan_query(query, 0) p);
begin
  return query
    select r.chunk_id, r.score
    from parts p
    cross join lateral ranking_on(p.shard, plan, cardinality(ids), '', '', 0, ids) r;
end
$$;
