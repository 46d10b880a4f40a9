-- set_profile: store the embedding profile.
--
-- $1  provider    text
-- $2  model       text
-- $3  dimensions  int4
--
-- returns one: dimensions int4, distance text, language text, generation int4
--
-- psql: \bind openai text-embedding-3-small 1536
--       \i sql/queries/set_profile.sql
with profile as (
  insert into embedding_profile (provider, model, dimensions)
  values ($1::text, $2::text, $3::int4)
  on conflict (only_row) do update
  set provider = excluded.provider,
      model = excluded.model,
      dimensions = excluded.dimensions
)
-- The settings show a caller whether the store is still the one that it has opened.
select dimensions, distance, language, generation
from store_settings;
