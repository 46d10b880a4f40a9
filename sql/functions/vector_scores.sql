-- vector_scores: the similarities of given chunks to a vector.
--
-- query_embedding  vector
-- ids              text[]  the ids of chunks
--
-- returns many: chunk_id text, score float8
-- called by: hybrid_ranking
-- inlined: no. The session keeps its plan, because making it takes a third of its time.
create or replace function vector_scores(query_embedding vector, ids text[])
returns table (chunk_id text, score float8)
language plpgsql stable parallel safe rows 50
set plan_cache_mode = force_generic_plan
set search_path from current
as $$
begin
  return query
    select c.chunk_id, similarity(distance(c.embedding, query_embedding))
    from chunks c
    where c.chunk_id = any(ids);
end
$$;
