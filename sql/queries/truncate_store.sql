-- truncate_store: delete every chunk, what was counted of them, and the embedding profile.
--
-- returns nothing
--
-- psql: \i sql/queries/truncate_store.sql
truncate chunks, chunk_counts, lexemes, embedding_profile;
