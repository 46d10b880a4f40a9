-- exact_limit: up to how many chunks it is faster to compare all of them with a vector than to ask the vector index.
--
-- An exact scan takes about 8 microseconds for each of the m chunks that pass a filter. The index has to look at about
-- k * n / m of all n chunks to find k that pass, at about 35 microseconds each. Both take equally long where m is the
-- root of 4.4 * k * n.
--
-- Example: 50 of 200,000 chunks are wanted. If at most 6,600 chunks pass the filter, all of these are compared.
--
-- k  int4  how many chunks are wanted
--
-- returns int4
-- called by: vector_search.sql, hybrid_ranking, vector_search_refined.sql
-- inlined: no, because it has a sub-select
create or replace function exact_limit(k int4) returns int4
language sql stable parallel safe
set search_path from current
return (select least(sqrt(4.4 * k * greatest(sum(chunks), 1)::float8), 1e6)::int4 from chunk_counts);
