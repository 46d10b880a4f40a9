-- bloat: how much of each index is used, and how much larger it is than a new one would be.
--
-- expected is an estimate of the size of a new index: for the vector index from the dimensions and m, for a B-tree from
-- the average width of its entries, which analyze measures. A GIN index has no such estimate. bloat_percent is the part
-- of the index that a rebuild would give back. An index that is not used although the store is, is not needed, unless
-- the statistics were reset lately.
--
-- psql: \i sql/inspect/bloat.sql
with element as materialized (  -- a step of its own, because Citus cannot read chunks beside the catalogs
  select pg_column_size(embedding) as bytes from chunks limit 1
),
facts as (
  select
    c.oid,
    c.relname::text as name,
    a.amname::text as method,
    pg_relation_size(c.oid) as bytes,
    greatest(t.reltuples, 0)::float8 as rows,
    s.idx_scan as scans,
    s.last_idx_scan as last_used,
    -- A vector's element has its bytes and 12 of a header, and its neighbours have 6 bytes each: 2 m on the lowest level,
    -- and m on each of the others, of which an element has 1 / (m - 1) on average.
    (select e.bytes from element e) + 92 as element,
    8 + 6 * m * (2 + 1.0 / (m - 1)) as neighbours,
    (
      select sum(avg_width)
      from pg_stats p
      where p.schemaname = n.nspname
        and (p.tablename = c.relname or (p.tablename = 'chunks' and c.relname = 'chunks_pkey' and p.attname = 'chunk_id'))
    ) as width
  from pg_index i
  join pg_class c on c.oid = i.indexrelid
  join pg_namespace n on n.oid = c.relnamespace
  join pg_class t on t.oid = i.indrelid
  join pg_am a on a.oid = c.relam
  left join pg_stat_user_indexes s on s.indexrelid = c.oid
  cross join lateral (
    select coalesce(max(substring(o from '^m=(\d+)')::float8), 16) as m
    from unnest(c.reloptions) o
  ) options
  where i.indrelid = 'chunks'::regclass
),
estimated as (
  select
    *,
    case method
      when 'hnsw' then
        8192 * (1 + rows / greatest(floor(8148 / (element + neighbours)), 0.5))
      -- An entry has 12 bytes of a header and a pointer, and pages are nine tenths full.
      when 'btree' then 8192 * (2 + rows * (12 + 8 * ceil(width / 8.0)) / (0.9 * 8152))
    end as expected
  from facts
)
select
  name,
  method,
  pg_size_pretty(bytes) as size,
  pg_size_pretty(expected::int8) as expected,
  round(greatest(0, 100 * (1 - expected / nullif(bytes, 0)))::numeric)::int4 as bloat_percent,
  bytes,
  scans,
  last_used
from estimated
order by bytes desc;
