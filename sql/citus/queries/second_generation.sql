-- second_generation: none, because the vectors of a store on a cluster are not embedded anew in place.
--
-- returns one: generation int4, provider text, model text, dimensions int4, unembedded int8,
--   is_indexed bool
--
-- psql: \i sql/citus/queries/second_generation.sql
select
  generation,
  null::text as provider,
  null::text as model,
  null::int4 as dimensions,
  null::int8 as unembedded,
  false as is_indexed
from store_settings;
