-- recount_chunks: let each shard count its chunks and their tokens, and note that. Run lock_store first.
--
-- returns nothing
--
-- psql: begin;
--       \i sql/queries/lock_store.sql
--       \i sql/citus/queries/recount_chunks.sql
--       commit;
do $$ begin perform fill_parts(true); end $$;
