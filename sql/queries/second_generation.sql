-- second_generation: the model of the second generation of vectors, and how many chunks have none of it yet.
--
-- returns one: generation int4, provider text, model text, dimensions int4, unembedded int8,
--   is_indexed bool
--
-- generation is that of the vectors in use. The model is null if there is no second generation.
--
-- psql: \i sql/queries/second_generation.sql
select
  generation,
  other_provider as provider,
  other_model as model,
  other_dimensions as dimensions,
  case when other_model is not null then count_unembedded() end as unembedded,
  exists (
    select from pg_index where indexrelid = to_regclass('chunks_other_ann') and indisvalid and indisready
  ) as is_indexed
from store_settings;
