-- truncate_store: delete every chunk and all that is counted, and the embedding profile.
--
-- returns nothing
--
-- psql: \i sql/citus/queries/truncate_store.sql
truncate chunks, shard_counts, chunk_counts, term_statistics, embedding_profile;
