-- use_maintenance_timeouts: set the timeouts of long work until the transaction ends, whatever the role's settings say.
--
-- A statement may take as long as it needs, but it may not wait long for a lock.
--
-- $1  lock_timeout  text  how long to wait; 0 waits for ever
--
-- returns one: statement_timeout text, lock_timeout text
--
-- psql: \bind '60s'
--       \i sql/queries/use_maintenance_timeouts.sql
select
  set_config('statement_timeout', '0', true) as statement_timeout,
  set_config('lock_timeout', $1::text, true) as lock_timeout;
