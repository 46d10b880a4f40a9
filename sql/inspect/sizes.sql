-- sizes: what the store holds, and how much room it takes on disk.
--
-- psql: \i sql/inspect/sizes.sql
select
  (select coalesce(sum(chunks), 0) from chunk_counts) as chunks,
  (select round(coalesce(sum(tokens), 0) / nullif(sum(chunks), 0), 1) from chunk_counts) as tokens_a_chunk,
  (select count(*) from term_statistics where position(' ' in term) = 0) as terms,
  pg_size_pretty(pg_relation_size('chunks')) as "table",
  pg_size_pretty(pg_table_size('chunks') - pg_relation_size('chunks')) as toast,
  pg_size_pretty(pg_indexes_size('chunks')) as indexes,
  pg_size_pretty(pg_total_relation_size('chunks')) as total
from (values (1)) as one
left join chunks on false;  -- locks chunks before chunk_counts, as writers do; else it could deadlock with truncate
