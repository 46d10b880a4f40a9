-- delete_chunks: delete chunks by id.
--
-- Citus takes no "for update" over several shards. If two writers lock the same rows in another order, Citus ends one of
-- them, and the library repeats it.
--
-- $1  ids  text[]
--
-- returns one: deleted int8
--
-- psql: \bind '{a,b}'
--       \i sql/citus/queries/delete_chunks.sql
with deleted as (
  delete from chunks
  where chunk_id = any($1::text[])
  returning 1
)
select count(*) as deleted
from deleted;
