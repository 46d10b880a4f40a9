-- index_generation: the statements that index the vectors of the second generation as those in use are, for the caller.
--
-- The caller runs them in order, and none inside a transaction. There is no row for an index that is there. The vector
-- index is not among them (create_vector_index.sql).
--
-- returns many: statement text
--
-- psql: \i sql/queries/index_generation.sql
--       then run what it prints
with wanted as (
  select
    replace(name, 'chunks_', 'chunks_other_') as name,
    replace(replace(replace(replace(definition,
      'CREATE INDEX', 'CREATE INDEX CONCURRENTLY'),
      name, replace(name, 'chunks_', 'chunks_other_')),
      'embedding', 'other_embedding'),
      'is_copy', 'other_is_copy') as statement
  from expected_indexes
  where name in ('chunks_vector_btree', 'chunks_copies_btree')
)
select s.statement
from wanted w
-- A build that was interrupted leaves an index that is of no use.
cross join lateral (values (1, 'drop index concurrently if exists ' || w.name), (2, w.statement)) as s (step, statement)
where not exists (select from pg_index where indexrelid = to_regclass(w.name) and indisvalid and indisready)
order by w.name, s.step;
