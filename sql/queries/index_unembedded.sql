-- index_unembedded: make the index that finds the chunks without a vector of the second generation.
--
-- It does not block writers, and cannot run inside a transaction.
--
-- returns nothing
--
-- psql: \i sql/queries/index_unembedded.sql
create index concurrently if not exists chunks_unembedded on chunks (chunk_id) where other_embedding is null;
