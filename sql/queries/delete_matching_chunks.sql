-- delete_matching_chunks: delete the chunks that match a filter, except some.
--
-- $1  filter         text    a jsonpath; '' matches every chunk
-- $2  source_prefix  text    what metadata.source begins with, where the filter implies it; '' otherwise
-- $3  keep           text[]  ids of the chunks that stay
--
-- returns one: deleted int8
--
-- psql: \bind 'strict exists($ ? (@.language == "python"))' '' '{}'
--       \i sql/queries/delete_matching_chunks.sql
with locked as (
  -- The same transaction is going to write the chunks that stay. So all that exist are locked at once and in one order.
  -- Chunks that do not exist yet cannot be locked here, so deadlocks are rare, but possible (replacement_lock.sql).
  select chunk_id
  from chunks
  where matches(metadata, nullif($1::text, '')::jsonpath, $2::text) or chunk_id = any($3::text[])
  order by chunk_id
  for update
),
deleted as (
  delete from chunks
  using locked
  where chunks.chunk_id = locked.chunk_id and locked.chunk_id <> all($3::text[])
  returning 1
)
select count(*) as deleted
from deleted;
