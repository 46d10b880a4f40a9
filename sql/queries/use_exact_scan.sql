-- use_exact_scan: plan without the vector index until the transaction ends: for when it gives up under a filter.
--
-- returns one: indexscan text, seqscan text, bitmapscan text
--
-- psql: \i sql/queries/use_exact_scan.sql
select
  set_config('enable_indexscan', 'off', true) as indexscan,
  -- Where the server's or the role's settings say otherwise, the vector index would again be as good as any.
  set_config('enable_seqscan', 'on', true) as seqscan,
  set_config('enable_bitmapscan', 'on', true) as bitmapscan;
