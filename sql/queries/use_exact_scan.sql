-- use_exact_scan: plan without the vector index until the transaction ends: for when it gives up under a filter.
--
-- returns nothing
--
-- psql: \i sql/queries/use_exact_scan.sql
select set_config('enable_indexscan', 'off', true);
