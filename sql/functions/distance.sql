-- distance: how far two vectors are from each other, measured by the distance of this store.
--
-- The planner replaces a call by its body. So an index on the column serves "order by distance(embedding, $1)", and one
-- query file serves every distance and both vector types.
--
-- a  the type of the column
-- b  the type of the column
--
-- returns float8: 1 - cosine, the Euclidean distance, or the negative inner product
-- called by: nearest, nearest_among, vector_scores
-- inlined: yes
--
-- The type and the distance are fixed when the store is made. This block reads them and writes the function.
do $$
begin
  execute format(
    'create or replace function distance(a %1$s, b %1$s) returns float8 language sql immutable parallel safe return a %2$s b',
    (
      select split_part(format_type(atttypid, null), '.', -1)
      from pg_attribute
      where attrelid = 'chunks'::regclass and attname = 'embedding'
    ),
    (select case distance when 'cosine' then '<=>' when 'l2' then '<->' when 'inner_product' then '<#>' end from store_settings)
  );
end
$$;
