-- vector_search: the chunks nearest to a vector, best first.
--
-- $1  query_embedding  vector
-- $2  top_k            int4
-- $3  filter           text  a jsonpath; '' matches every chunk
-- $4  source_prefix    text  what metadata.source begins with, where the filter implies it; '' otherwise
--
-- returns many: chunk_id text, text text, metadata jsonb, score float8, complete bool
--
-- psql: \bind '[0,0,1]' 5 '' ''
--       \i sql/queries/vector_search.sql
with nearest as (
  select chunk_id, distance
  from (
    -- One table, and an order by nothing but the distance: this is what the vector index can serve. Whatever else the
    -- plan finds as far away as the last one comes along, so that ids decide which of them are in.
    select chunk_id, distance(embedding, $1::vector) as distance
    from chunks
    where matches(metadata, $3::text, $4::text)
    order by distance(embedding, $1::vector)
    fetch first ($2::int4) rows with ties
  ) with_ties
  order by distance + 0, chunk_id  -- "+ 0": sort again, because IVFFlat delivers only nearly sorted
  limit $2::int4
),
enough as (
  -- Whether no match is missing: an index scan under a filter can give up. The matches are counted only if rows are few.
  select count(*) = $2::int4 or count(*) = (
    select count(*)
    from chunks
    where matches(metadata, $3::text, $4::text)
  ) as complete
  from nearest
)
select c.chunk_id, c.content as text, c.metadata, similarity(n.distance) as score, e.complete
from nearest n
join chunks c using (chunk_id)
cross join enough e
order by n.distance, c.chunk_id;
