-- lock_store: keep every other session from the chunks and the embedding profile until the transaction ends.
--
-- returns nothing
--
-- psql: \i sql/queries/lock_store.sql
do $$ begin lock table chunks, embedding_profile in access exclusive mode; end $$;
