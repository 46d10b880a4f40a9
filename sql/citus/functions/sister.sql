-- sister: the shard of another table that lies beside a shard of chunks.
--
-- Example: sister('chunks_102008', 'parts') is 'parts_102040'.
--
-- shard  text      a shard of chunks, without its schema
-- other  regclass  a table that was distributed like chunks
--
-- returns text
-- called by: apply_on_shard, count_changes
-- inlined: no, because it keeps its search_path
create or replace function sister(shard text, other regclass) returns text
language sql stable
set search_path from current
as $$
  select format('%I_%s', (select relname from pg_class where oid = other), theirs.shardid)
  from pg_dist_shard ours
  join pg_dist_shard theirs on theirs.shardminvalue = ours.shardminvalue and theirs.logicalrelid = other
  where ours.shardid = substring(shard from '\d+$')::int8
$$;
