-- exact_limit: up to how many chunks it is faster to compare all of them with a vector than to ask the vector index.
--
-- To find k + 5 chunks that pass a filter, the index has to look at about (k + 5) * n / m of all n chunks, if m pass. A
-- look takes twice as long as comparing one of the m. So both take equally long where m is the root of 2 * (k + 5) * n.
-- The index never looks at fewer than hnsw.ef_search, and in a store that fits into no cache a look takes longer. So if
-- few are wanted of a large store, m is larger, up to the root of 50 * n
-- (docs/decisions/0084-fewer-chunks-of-a-large-store-are-compared.md).
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
  return (
    select least(sqrt(greatest(2 * (k + 5.0), least(sqrt(n) / 100 * (k + 5.0), 50)) * n), 1e6)::int4
    from (select greatest(sum(chunks), 1)::float8 as n from chunk_counts) store
  );
end
$$;
