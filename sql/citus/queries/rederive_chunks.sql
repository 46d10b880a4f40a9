-- rederive_chunks: derive the terms of one page of chunks anew, in id order. Only what differs is written.
--
-- The trigger chunks_derive does it, on the nodes. It leaves a chunk alone that does not change.
--
-- $1  after      text  the last id of the page before; '' for the first page
-- $2  page_size  int4
--
-- returns one: last text, chunks int8, written int8
--
-- last is null after the last page.
--
-- psql: \bind '' 1000
--       \i sql/citus/queries/rederive_chunks.sql
with page as materialized (
  select chunk_id
  from chunks
  where chunk_id > $1::text
  order by chunk_id
  limit $2::int4
),
written as (
  update chunks
  set tokens = -1
  where chunk_id in (select chunk_id from page)
  returning 1
)
select
  (select chunk_id from page order by chunk_id desc limit 1) as last,
  (select count(*) from page) as chunks,
  (select count(*) from written) as written;
