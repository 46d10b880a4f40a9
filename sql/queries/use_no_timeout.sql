-- use_no_timeout: statement_timeout is off until the transaction ends, whatever the role's settings say.
--
-- returns one: timeout text
--
-- psql: \i sql/queries/use_no_timeout.sql
select set_config('statement_timeout', '0', true) as timeout;
