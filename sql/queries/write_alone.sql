-- write_alone: wait until no replacement is under way in this store, and keep others from beginning one.
--
-- The lock is held until this transaction ends. A write takes it when it is done again after a deadlock. So it cannot
-- lose to replacements for ever.
--
-- returns one: locked bool
--
-- psql: \i sql/queries/write_alone.sql
select pg_advisory_xact_lock(
  hashtextextended(concat_ws(' ', 'agent_brain_store replacements', current_schema()), 0)
) is not null as locked;
