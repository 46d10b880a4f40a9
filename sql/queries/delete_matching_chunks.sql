-- delete_matching_chunks: delete the chunks that match a filter, except some.
--
-- $1  filter         text    a jsonpath; '' matches every chunk
-- $2  source_prefix  text    what metadata.source begins with, where the filter implies it; '' otherwise
-- $3  keep           text[]  ids that stay
--
-- returns one: deleted int8
--
-- psql: \bind 'strict exists($ ? (@.language == "python"))' '' '{}'
--       \i sql/queries/delete_matching_chunks.sql
with gone as (
  select chunk_id
  from chunks
  where matches(metadata, $1::text, $2::text)
    and chunk_id <> all($3::text[])
  order by chunk_id  -- one order of row locks: concurrent writers cannot deadlock
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
