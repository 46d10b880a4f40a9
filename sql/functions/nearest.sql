-- nearest: the chunks nearest to a vector, under a filter. Every search takes its vector ranking from here.
--
-- Example: you ask for five chunks. The vector index delivers five rows, and any others that are exactly as far away as
-- the fifth. Of rows at the same distance, those with the smallest ids are returned, so the answer is always the same.
--
-- query_embedding  vector
-- k                int4   how many
-- filter           text   a jsonpath; '' matches every chunk
-- source_prefix    text   what metadata.source begins with, where the filter implies it; '' otherwise
--
-- returns many: chunk_id text, distance float8
-- called by: vector_search.sql, hybrid_search.sql
-- inlined: yes, because it is a single stable select. It is not inlined if an argument is a sub-select. Then write
--   "from chunks c, nearest(c.embedding, ...)" instead.
create or replace function nearest(query_embedding vector, k int4, filter text, source_prefix text)
returns table (chunk_id text, distance float8)
language sql stable parallel safe
begin atomic
  select chunk_id, distance
  from (
    -- The vector index can serve one table and an order by the distance alone, and nothing else. "With ties" adds the
    -- rows that are as far away as the last one, so that their ids can decide which of them are returned.
    select chunk_id, distance(embedding, query_embedding) as distance
    from chunks
    where matches(metadata, filter, source_prefix)
    order by distance
    fetch first (k) rows with ties
  ) with_ties
  -- "+ 0" makes the planner sort once more, because an index delivers rows that are only nearly sorted. IVFFlat always
  -- does, and HNSW does under cosine, because it rounds.
  order by distance + 0, chunk_id
  limit k;
end;
