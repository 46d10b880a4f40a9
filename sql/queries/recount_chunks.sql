-- recount_chunks: count the chunks and their tokens, and replace chunk_counts by that. Run lock_store first.
--
-- returns nothing
--
-- psql: begin;
--       \i sql/queries/lock_store.sql
--       \i sql/queries/recount_chunks.sql
--       commit;
with gone as (
  delete from chunk_counts
  returning changes
)
insert into chunk_counts (chunks, tokens, changes)
select count(*), coalesce(sum(tokens), 0), (select coalesce(sum(changes), 0) from gone)
from chunks;
