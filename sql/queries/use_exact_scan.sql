-- use_exact_scan: plan without the vector index until the transaction ends.
--
-- A search runs after it when the index has given up under a filter.
--
-- returns one: indexscan text, seqscan text, bitmapscan text
--
-- psql: \i sql/queries/use_exact_scan.sql
select
  set_config('enable_indexscan', 'off', true) as indexscan,
  -- The server or the role may have turned these two off. Then the planner might take the vector index after all.
  set_config('enable_seqscan', 'on', true) as seqscan,
  set_config('enable_bitmapscan', 'on', true) as bitmapscan;
