-- count_matching_chunks: how many chunks match a filter.
--
-- $1  filter         text  a jsonpath; '' matches every chunk
-- $2  source_prefix  text  what metadata.source begins with, where the filter implies it; '' otherwise
--
-- returns one: chunks int8
--
-- psql: \bind 'strict exists($ ? (@.language == "python"))' ''
--       \i sql/queries/count_matching_chunks.sql
select count(*) as chunks
from chunks
where matches(metadata, nullif($1::text, '')::jsonpath, $2::text);
