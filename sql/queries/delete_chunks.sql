-- delete_chunks: delete chunks by id.
--
-- $1  ids  text[]
--
-- returns one: deleted int8
--
-- psql: \bind '{a,b}'
--       \i sql/queries/delete_chunks.sql
with gone as (
  select chunk_id
  from chunks
  where chunk_id = any($1::text[])
  order by chunk_id  -- all writers lock rows in this order, so they cannot deadlock
  for update
),
deleted as (
  delete from chunks
  using gone
  where chunks.chunk_id = gone.chunk_id
  returning 1
)
select count(*) as deleted
from deleted;
