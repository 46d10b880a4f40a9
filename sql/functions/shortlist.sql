-- shortlist: how many rows nearest() takes from the vector index to find k.
--
-- They are k, except with an index of bits. It orders chunks only roughly, so more of them are compared again
-- (docs/decisions/0039-half-precision-in-the-index.md).
--
-- k  int4
--
-- returns int8
-- called by: nearest
-- inlined: yes
--
-- This block reads how the index was built and writes the function. The library applies this file again whenever it has
-- built or dropped the index.
do $$
begin
  execute 'create or replace function shortlist(k int4) returns int8 language sql immutable parallel safe return '
    || case
      when exists (
        select
        from pg_index i
        join pg_opclass o on o.oid = i.indclass[0]
        where i.indexrelid = to_regclass('chunks_embedding_ann') and o.opcname = 'bit_hamming_ops'
      ) then '8 * k::int8 + 98'
      else 'k::int8'
    end;
end
$$;
