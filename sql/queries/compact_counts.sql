-- compact_counts: replace the rows of chunk_counts by their sum. Rows that another session has locked are left alone.
--
-- returns nothing
--
-- psql: \i sql/queries/compact_counts.sql
with taken as (
  delete from chunk_counts
  where ctid = any(array(select ctid from chunk_counts for update skip locked))
  returning chunks, tokens, changes
)
insert into chunk_counts (chunks, tokens, changes)
select sum(chunks), sum(tokens), sum(changes)
from taken
having count(*) > 0;
