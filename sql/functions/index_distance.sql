-- index_distance: how far two vectors are from each other, as the vector index measures it.
--
-- The index may keep vectors in less precision than the column. Then it gives an order that is nearly right, and
-- nearest() compares what it finds once more. The planner replaces a call by its body, so the index serves
-- "order by index_distance(embedding, $1)".
--
-- a  the type of the column
-- b  the type of the column
--
-- returns float8
-- called by: nearest
-- inlined: yes
--
-- This block reads how the index was built and writes the function. Without an index it is the same as distance(). The
-- library applies this file again whenever it has built or dropped the index.
do $$
declare
  column_type text;
  dimensions  int4;
  operator    text;
  operators   name;  -- the operator class of the index
begin
  select split_part(format_type(atttypid, null), '.', -1), atttypmod
  into strict column_type, dimensions
  from pg_attribute
  where attrelid = 'chunks'::regclass and attname = 'embedding';
  select case distance when 'cosine' then '<=>' when 'l2' then '<->' when 'inner_product' then '<#>' end
  into strict operator
  from store_settings;
  select o.opcname
  into operators
  from pg_index i
  join pg_opclass o on o.oid = i.indclass[0]
  where i.indexrelid = to_regclass('chunks_embedding_ann');
  execute format(
    'create or replace function index_distance(a %1$s, b %1$s) returns float8 language sql immutable parallel safe return ',
    column_type
  ) || case
    when operators = 'bit_hamming_ops' then
      format('(binary_quantize(a)::bit(%1$s)) <~> (binary_quantize(b)::bit(%1$s))', dimensions)
    when operators = 'halfvec_cosine_ops' and column_type = 'vector' then
      format('(l2_normalize(a)::halfvec(%1$s)) %2$s (l2_normalize(b)::halfvec(%1$s))', dimensions, operator)
    when starts_with(operators, 'halfvec_') and column_type = 'vector' then
      format('(a::halfvec(%1$s)) %2$s (b::halfvec(%1$s))', dimensions, operator)
    else format('a %s b', operator)
  end;
end
$$;
