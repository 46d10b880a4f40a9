-- rebuild_index: the statement that rebuilds an index of this schema without blocking anyone, for the caller to run.
--
-- $1  name  text
--
-- returns one: statement text
--
-- psql: \bind chunks_tsv_gin
--       \i sql/queries/rebuild_index.sql
--       then run what it prints
select format('reindex index concurrently %I', $1::text) as statement;
