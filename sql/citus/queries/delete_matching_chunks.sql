-- delete_matching_chunks: delete the chunks that match a filter, except some.
--
-- $1  filter         text    a jsonpath; '' matches every chunk
-- $2  source_prefix  text    what metadata.source begins with, where the filter implies it; '' otherwise
-- $3  keep           text[]  ids of the chunks that stay
--
-- returns one: deleted int8
--
-- psql: \bind 'strict exists($ ? (@.language == "python"))' '' '{}'
--       \i sql/citus/queries/delete_matching_chunks.sql
with deleted as (
  delete from chunks
  where matches(metadata, nullif($1::text, '')::jsonpath, $2::text) and chunk_id <> all($3::text[])
  returning 1
)
select count(*) as deleted
from deleted;
