-- truncate_store: delete every chunk, the term statistics and the embedding profile. A trigger empties chunk_counts.
--
-- returns nothing
--
-- psql: \i sql/queries/truncate_store.sql
truncate chunks, term_statistics, embedding_profile;
