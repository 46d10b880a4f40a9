-- has_many_equals: whether more than ten chunks have one and the same vector of the second generation.
--
-- pgvector keeps up to ten equal vectors in one node of an HNSW graph, where they are in nobody's way.
--
-- It is a function because Citus does not plan a query of catalogs that also reads the chunks.
--
-- returns bool
-- called by: create_vector_index.sql
-- inlined: no
create or replace function has_many_equals() returns bool
language plpgsql stable
set search_path from current
as $$
begin
  return exists (
    select
    from chunks
    where other_embedding is not null
    group by vector_digest(other_embedding::vector)
    having count(*) > 10
  );
end
$$;
