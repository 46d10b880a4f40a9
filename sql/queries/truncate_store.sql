-- truncate_store: delete every chunk, what was counted of them (chunk_counts by a trigger), and the embedding profile.
--
-- returns nothing
--
-- psql: \i sql/queries/truncate_store.sql
truncate chunks, term_statistics, embedding_profile;
