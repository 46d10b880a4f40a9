-- update_metadata: change keys in the metadata of chunks. Vectors stay as they are, and terms are derived anew.
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
--       \i sql/queries/update_metadata.sql
with locked as materialized (
  select chunk_id, text, metadata, (metadata || $4::jsonb) - $5::text[] as changed
  from chunks
  where ($1::text[] = '{}' or chunk_id = any($1::text[])) and matches(metadata, nullif($2::text, '')::jsonpath, $3::text)
  order by chunk_id  -- all writers lock rows in this order, so they cannot deadlock
  for update
),
derived as materialized (
  select chunk_id, changed, chunk_terms(text, changed) as terms
  from locked
  where metadata::text <> changed::text
),
written as (
  update chunks
  set metadata = d.changed, tsv = i.tsv, tokens = i.tokens
  from derived d, with_impacts(d.terms) i
  where chunks.chunk_id = d.chunk_id
  returning octet_length(chunks.metadata::text) as size
)
select (select count(*) from locked) as matched, (select max(size) from written) as largest;
