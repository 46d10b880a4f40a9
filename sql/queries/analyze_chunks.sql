-- analyze_chunks: refresh the planner's statistics after much has changed, unless another session is at it or builds an index.
--
-- returns nothing
--
-- psql: \i sql/queries/analyze_chunks.sql
analyze (skip_locked) chunks, term_statistics;
