-- settings: set what the migrations and migration_lock read, until the transaction ends.
--
-- $1  schema           text
-- $2  dimensions       int4
-- $3  distance         text  cosine, l2 or inner_product
-- $4  language         text  a text search configuration
--
-- returns one: schema text, dimensions text, distance text, language text
--
-- psql: \bind agent_brain 384 cosine english
--       \i sql/queries/settings.sql
select
  set_config('agent_brain.schema', $1::text, true) as schema,
  set_config('agent_brain.dimensions', $2::int4::text, true) as dimensions,
  set_config('agent_brain.distance', $3::text, true) as distance,
  set_config('agent_brain.language', $4::text, true) as language;
