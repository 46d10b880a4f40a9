-- drop_generation: the statements that give up the second generation of vectors, for the caller to run in order.
--
-- returns many: statement text
--
-- psql: \i sql/queries/drop_generation.sql
--       then run what it prints
select s.statement
from (
  values
    -- Its indexes go away with it.
    (1, 'alter table chunks drop column other_embedding'),
    (2, format(
      'alter table chunks add column other_embedding %s',
      (
        select split_part(format_type(atttypid, null), '(', 1)
        from pg_attribute
        where attrelid = 'chunks'::regclass and attname = 'embedding'
      )
    )),
    (3, 'update store_settings set other_provider = null, other_model = null, other_dimensions = null')
) as s (step, statement)
order by s.step;
