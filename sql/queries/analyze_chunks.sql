-- analyze_chunks: refresh the planner's statistics after much has changed.
--
-- It skips a table that another session is analyzing or building an index on.
--
-- returns nothing
--
-- psql: \i sql/queries/analyze_chunks.sql
analyze (skip_locked) chunks, term_statistics;
