-- indexes: each index of chunks, whether it is valid, how large it is, and how often it was used.
--
-- If an index was never used, your queries may not need it, or its statistics were reset lately.
--
-- psql: \i sql/inspect/indexes.sql
select
  c.relname as name,
  a.amname as method,
  o.opcname as operator_class,
  array_to_string(c.reloptions, ', ') as options,
  i.indisvalid and i.indisready as valid,
  pg_size_pretty(pg_relation_size(c.oid)) as size,
  s.idx_scan as scans,
  s.idx_tup_read as entries_read,
  s.last_idx_scan as last_used
from pg_index i
join pg_class c on c.oid = i.indexrelid
join pg_am a on a.oid = c.relam
join pg_opclass o on o.oid = i.indclass[0]
left join pg_stat_user_indexes s on s.indexrelid = c.oid
where i.indrelid = 'chunks'::regclass
order by pg_relation_size(c.oid) desc;
