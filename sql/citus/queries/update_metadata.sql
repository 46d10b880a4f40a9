-- update_metadata: change keys in the metadata of chunks. Vectors stay as they are.
--
-- The trigger chunks_derive makes the terms anew, and leaves a chunk alone that does not change.
--
-- $1  ids            text[]  '{}' for every chunk
-- $2  filter         text    a jsonpath; '' matches every chunk
-- $3  source_prefix  text    what metadata.source begins with, where the filter implies it; '' otherwise
-- $4  changes        jsonb   the keys to set, with their values
-- $5  removed        text[]  the keys to remove
--
-- returns one: matched int8, largest int4
--
-- largest is the size in bytes of the largest metadata that was written, or null.
--
-- psql: \bind '{a,b}' '' '' '{"language": "python"}' '{}'
--       \i sql/citus/queries/update_metadata.sql
with matching as materialized (
  select count(*) as chunks
  from chunks
  where ($1::text[] = '{}' or chunk_id = any($1::text[])) and matches(metadata, nullif($2::text, '')::jsonpath, $3::text)
),
written as (
  update chunks
  set metadata = (metadata || $4::jsonb) - $5::text[], tokens = -1
  where ($1::text[] = '{}' or chunk_id = any($1::text[])) and matches(metadata, nullif($2::text, '')::jsonpath, $3::text)
  returning octet_length(metadata::text) as size
)
select (select chunks from matching) as matched, (select max(size) from written) as largest;
