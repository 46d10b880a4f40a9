-- fill_parts: gives each shard of chunks its row in parts, and its own counts.
--
-- It does nothing if each shard has its row, as after a move. A new store has no rows yet, and a split makes new shards.
--
-- anew  bool  do it in any case, which counts the chunks again
--
-- returns bool: whether there was something to do
-- called by: fill_parts.sql, recount_chunks.sql
-- inlined: no
create or replace function fill_parts(anew bool) returns bool
language plpgsql
set search_path from current
as $$
declare
  known    constant int8[] := (select coalesce(array_agg(shard order by shard), '{}') from parts);
  existing constant int8[] := (
    select array_agg(shardid order by shardid) from pg_dist_shard where logicalrelid = 'chunks'::regclass
  );
  noted    int8;
begin
  if known = existing and not anew then
    return false;
  end if;
  lock table chunks in share row exclusive mode;
  noted := (select sum(changes) from shard_counts);
  noted := coalesce(noted, (select sum(changes) from chunk_counts), 0);
  delete from parts;
  delete from shard_counts;
  insert into parts (part, shard)
  select distinct on (shard) part, shard
  from (
    select key::text as part, get_shard_id_for_distribution_column('chunks', key::text) as shard
    from generate_series(1, 200 + 40 * cardinality(existing)) as key
  ) keys
  order by shard, part;
  insert into shard_counts (part, chunks, tokens, changes)
  select p.part, s.chunks, s.tokens, 0
  from parts p
  cross join lateral size_of(p.shard) s;
  insert into shard_counts (part, chunks, tokens, changes) values ('1', 0, 0, noted);
  return true;
end
$$;
