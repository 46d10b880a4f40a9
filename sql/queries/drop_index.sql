-- drop_index: the statement that drops an index of this schema without blocking anyone, for the caller to run.
--
-- $1  name  text
--
-- returns one: statement text
--
-- psql: \bind chunks_embedding_ann
--       \i sql/queries/drop_index.sql
--       then run what it prints
select format('drop index concurrently if exists %I', $1::text) as statement;
