-- analyze_chunks: refresh the planner's statistics after much has changed.
--
-- returns nothing
--
-- psql: \i sql/queries/analyze_chunks.sql
analyze chunks;
