-- replacement_lock: wait until no other transaction replaces the matches of the same filter.
--
-- The lock is held until this transaction ends. Two transactions that replace the chunks of one file at once would each
-- miss the chunks that the other has not committed, and both sets would stay. The lock is a statement of its own, so
-- that the next statement sees what was committed meanwhile.
--
-- $1  filter         text  a jsonpath
-- $2  source_prefix  text  what metadata.source begins with, where the filter implies it; '' otherwise
--
-- returns one: locked bool
--
-- psql: \bind '$.source == "a.py"' ''
--       \i sql/queries/replacement_lock.sql
select
  pg_advisory_xact_lock_shared(
    hashtextextended(concat_ws(' ', 'agent_brain_store replacements', current_schema()), 0)
  ) is not null
  and pg_advisory_xact_lock(
    hashtextextended(concat_ws(' ', 'agent_brain_store replaces', current_schema(), $1::text, $2::text), 0)
  ) is not null as locked;
