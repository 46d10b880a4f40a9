-- write_settings: the statement that gives a session or a transaction its settings, for the caller to run.
--
-- One statement carries them all, so it costs one round trip.
--
-- $1  names         text[]
-- $2  values        text[]  as many as names
-- $3  until_commit  bool    whether the settings end with the transaction
--
-- returns one: statement text
--
-- psql: \bind '{jit,search_path}' '{off,agent_brain}' true
--       \i sql/queries/write_settings.sql
--       then run what it prints
select 'select ' || string_agg(format('set_config(%L, %L, %L)', s.name, s.value, $3::bool), ', ') as statement
from unnest($1::text[], $2::text[]) as s(name, value);
