-- use_maintenance_timeouts: until the transaction ends a statement may take long, but not wait long for a lock, whatever the
-- role's settings say.
--
-- $1  lock_timeout  text  0 waits for ever
--
-- returns one: statement_timeout text, lock_timeout text
--
-- psql: \bind '60s'
--       \i sql/queries/use_maintenance_timeouts.sql
select
  set_config('statement_timeout', '0', true) as statement_timeout,
  set_config('lock_timeout', $1::text, true) as lock_timeout;
