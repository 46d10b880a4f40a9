-- verbatim_on: the chunks of one shard whose text matches a pattern, each scored as if the question were one word.
--
-- It runs on the node that holds the shard, and reads so many texts and no more.
--
-- shard          int8
-- pattern        text    what verbatim_pattern() returns
-- k              int4    how many
-- filter         text    a jsonpath; '' matches every chunk
-- source_prefix  text    what metadata.source begins with, where the filter implies it; '' otherwise
-- most           int4    how many texts to read; null reads all
-- flat, slope    float8  of plan_query(): so many times score times / (times + flat + slope * tokens)
--
-- returns many: chunk_id text, score float8
-- called by: verbatim
-- inlined: no
create or replace function verbatim_on(
  shard int8, pattern text, k int4, filter text, source_prefix text, most int4, flat float8, slope float8
)
returns table (chunk_id text, score float8)
language plpgsql stable rows 10
set search_path from current
set jit = off
as $$
begin
  return query execute format(
    'select chunk_id, times / (times + $6 + $7 * tokens)
     from (
       select chunk_id, tokens, regexp_count(text collate "C", $1)::float8 as times
       from (
         select chunk_id, tokens, text from chunks_%s where matches(metadata, nullif($3, '''')::jsonpath, $4) limit $5
       ) passing
     ) counted
     where times > 0
     order by 2 desc, chunk_id
     limit $2',
    shard
  )
  using pattern, k, filter, source_prefix, most, flat, slope;
end
$$;
