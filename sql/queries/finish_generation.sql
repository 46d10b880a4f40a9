-- finish_generation: the statements that let the column of the vectors be "not null" again after a switch, in order.
--
-- Only the first reads the chunks, and searches and writes go on meanwhile. There is no row if nothing is left to do.
--
-- returns many: statement text
--
-- psql: \i sql/queries/finish_generation.sql
--       then run what it prints
select s.statement
from (
  values
    (1, 'alter table chunks validate constraint chunks_embedding_is_there'),
    (2, 'alter table chunks alter column embedding set not null'),
    (3, 'alter table chunks drop constraint chunks_embedding_is_there')
) as s (step, statement)
where exists (
  select from pg_constraint where conrelid = 'chunks'::regclass and conname = 'chunks_embedding_is_there'
)
order by s.step;
