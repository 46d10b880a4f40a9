-- shard_effort: how much of an effort one shard makes, so that all shards together make about the same as one node.
--
-- The k best chunks are not spread evenly, so a shard gets twice its share. It gets 25 at least.
--
-- Example: 100 candidates of the vector index over 4 shards are 50 on each, and over 32 shards 25 on each.
--
-- effort  int4  what one node would do: candidates of the vector index, or chunks to score
--
-- returns int4
-- called by: nearest, keyword_ranking, with_every_word
-- inlined: no, because it keeps its search_path
create or replace function shard_effort(effort int4) returns int4
language sql stable
set search_path from current
as $$
  select least(effort, greatest(25, ceil(2.0 * effort / greatest(count(*), 1))))::int4
  from pg_dist_shard
  where logicalrelid = 'chunks'::regclass
$$;
