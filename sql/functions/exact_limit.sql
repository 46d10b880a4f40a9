-- exact_limit: up to how many chunks it is faster to compare all of them with a vector than to ask the vector index.
--
-- To find k chunks that pass a filter, the index has to look at about k * n / m of all n chunks, if m pass. Comparing takes
-- the longer the larger m is. Both took equally long where m was about the root of 2 * (k + 5) * n, for k from 10 to 50 and
-- n from 100 to 400,000 (docs/decisions/0086-the-index-is-asked-in-relaxed-order.md).
--
-- Example: 50 of 10,000 chunks are wanted. If at most 1,049 chunks pass the filter, all of these are compared.
--
-- k  int4  how many chunks are wanted
--
-- returns int4
-- called by: vector_results, hybrid_ranking, vector_search_refined.sql, nearest
-- inlined: no. The session keeps its plan, because making it takes as long as the rest of a look at the filter.
create or replace function exact_limit(k int4) returns int4
language plpgsql stable parallel safe
set plan_cache_mode = force_generic_plan
set search_path from current
as $$
begin
  return (select least(sqrt(2 * (k + 5.0) * greatest(sum(chunks), 1)::float8), 1e6)::int4 from chunk_counts);
end
$$;
