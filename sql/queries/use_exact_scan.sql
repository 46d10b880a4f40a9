-- use_exact_scan: plan without the vector index until the transaction ends: for when it gives up under a filter.
--
-- returns nothing
--
-- psql: \i sql/queries/use_exact_scan.sql
select
  set_config('enable_indexscan', 'off', true),
  set_config('enable_seqscan', 'on', true),  -- where the server's or the role's settings say otherwise,
  set_config('enable_bitmapscan', 'on', true);  -- the vector index would again be as good as any
