-- begin_generation: the statements that make an empty second generation of vectors, for the caller to run in order.
--
-- What was there of another second generation goes away. The server writes the statements, because a type cannot be bound.
--
-- $1  provider    text
-- $2  model       text
-- $3  dimensions  int4
--
-- returns many: statement text
--
-- psql: \bind openai text-embedding-3-large 3072
--       \i sql/queries/begin_generation.sql
--       then run what it prints
with steps (step, statement) as (
  values
    -- Its indexes go away with it.
    (1, 'alter table chunks drop column other_embedding'),
    -- As in 0001_store.sql: an index can hold no longer vectors of either type.
    (2, format(
      'alter table chunks add column other_embedding %s(%s)',
      case when $3::int4 between 2001 and 4000 then 'halfvec' else 'vector' end,
      $3::int4
    )),
    (3, format(
      'update store_settings set other_provider = %L, other_model = %L, other_dimensions = %s', $1::text, $2::text, $3::int4
    ))
)
select statement
from steps
order by step;
