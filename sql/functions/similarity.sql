-- similarity: a distance as a score from 0 to 1. A higher score is better.
--
-- Cosine similarity is cut off at 0. A Euclidean distance d becomes 1 / (1 + d). Inner products have no bounds, so they
-- go through the softsign function.
--
-- distance  float8  what distance() returns
--
-- returns float8
-- called by: vector_results, hybrid_ranking, vector_search_refined.sql, vector_scores
-- inlined: yes
--
-- The distance is fixed when the store is made. This block reads it and writes the function.
do $$
begin
  execute format(
    'create or replace function similarity(distance float8) returns float8 language sql immutable parallel safe return %s',
    (
      select
        case distance
          when 'cosine' then 'greatest(0, least(1, 1 - distance))'
          when 'l2' then '1 / (1 + distance)'
          when 'inner_product' then '(1 - distance / (1 + abs(distance))) / 2'
        end
      from store_settings
    )
  );
end
$$;
