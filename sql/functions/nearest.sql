-- nearest: the chunks nearest to a vector, under a filter. This is the vector ranking of every search.
--
-- Example: the five nearest chunks of a store. The vector index delivers five rows, and any others that are exactly as far
-- away as the fifth. The five with the smallest ids among equals are returned, so the answer is always the same.
--
-- query_embedding  vector
-- k                int4   how many
-- filter           text   a jsonpath; '' matches every chunk
-- source_prefix    text   what metadata.source begins with, where the filter implies it; '' otherwise
--
-- returns many: chunk_id text, distance float8
-- called by: vector_search.sql, hybrid_search.sql
-- inlined: yes, because it is one stable select. It is not where an argument is a sub-select: write
--   "from chunks c, nearest(c.embedding, ...)" instead.
create or replace function nearest(query_embedding vector, k int4, filter text, source_prefix text)
returns table (chunk_id text, distance float8)
language sql stable parallel safe
begin atomic
  select chunk_id, distance
  from (
    -- One table, and an order by the distance alone: the vector index can serve nothing else. The rows that are as far away
    -- as the last one come along, so that ids can decide which of them are in.
    select chunk_id, distance(embedding, query_embedding) as distance
    from chunks
    where matches(metadata, filter, source_prefix)
    order by distance
    fetch first (k) rows with ties
  ) with_ties
  -- "+ 0" sorts once more. An index delivers only nearly sorted rows: IVFFlat always, HNSW under cosine by rounding.
  order by distance + 0, chunk_id
  limit k;
end;
