-- nearest_among: the chunks nearest to a vector among those in some places. All of them are compared.
--
-- query_embedding  vector
-- k                int4   how many
-- places           tid[]  what filter_scope() returns; null finds nothing
--
-- returns many: chunk_id text, distance float8
-- called by: nearest
-- inlined: yes
create or replace function nearest_among(query_embedding vector, k int4, places tid[])
returns table (chunk_id text, distance float8)
language sql stable parallel safe
begin atomic
  select chunk_id, distance(embedding, query_embedding) as distance
  from chunks
  where ctid = any(places)
  order by distance, chunk_id
  limit k;
end;
