-- scans: how often this transaction has read the chunks so far, by each index and whole, functions included.
--
-- A plan does not show what a function does inside. Run a query in a transaction, and then this.
--
-- psql: begin;
--       \i sql/inspect/scans.sql
--       rollback;
select indexrelname::text as name, true as by_index, pg_stat_get_xact_numscans(indexrelid) as scans
from pg_stat_user_indexes
where relid = 'chunks'::regclass
union all
select relname::text, false, seq_scan
from pg_stat_xact_user_tables
where relid = 'chunks'::regclass;
