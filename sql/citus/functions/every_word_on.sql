-- every_word_on: the chunks of one shard that a tsquery finds, the shortest of those that are looked at.
--
-- It runs on the node that holds the shard.
--
-- shard          int8
-- form           text  a tsquery; null finds nothing
-- filter         text  a jsonpath; '' matches every chunk
-- source_prefix  text  what metadata.source begins with, where the filter implies it; '' otherwise
-- k              int4  how many; null returns all
-- most           int8  how many to look at; null looks at all
--
-- returns many: chunk_id text, tokens int4
-- called by: with_every_word
-- inlined: no
create or replace function every_word_on(
  shard int8, form text, filter text, source_prefix text, k int4, most int8
)
returns table (chunk_id text, tokens int4)
language plpgsql stable rows 10
set search_path from current
set jit = off
set enable_seqscan = off
as $$
begin
  return query execute format(
    'select chunk_id, tokens
     from (
       select chunk_id, tokens
       from chunks_%s
       where tsv @@ $1::tsquery and matches(metadata, nullif($2, '''')::jsonpath, $3)
       limit $5
     ) found
     order by tokens, chunk_id
     limit $4',
    shard
  )
  using form, filter, source_prefix, k, most;
end
$$;
