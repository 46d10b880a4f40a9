-- count_changes: notes what a write has changed in a shard, in the row of counts beside it.
--
-- It runs on the node that holds the shard, and for that shard alone. So writers never wait for each other here, as on
-- one node. The names of the shards are known only now, so the statements are dynamic.
--
-- returns trigger
-- called by: the triggers of chunks (distribute.sql)
-- inlined: no
create or replace function count_changes() returns trigger
language plpgsql
set search_path from current
as $$
declare
  note constant text := format(
    'insert into %s (part, chunks, tokens, changes) select (select part from %s), ',
    sister(tg_table_name, 'shard_counts'), sister(tg_table_name, 'parts')
  );
begin
  if tg_op = 'INSERT' then
    execute note || 'count(*), sum(tokens), count(*) from new_rows having count(*) > 0';
  elsif tg_op = 'DELETE' then
    execute note || '-count(*), -sum(tokens), count(*) from old_rows having count(*) > 0';
  else
    execute note ||
      '0, (select sum(tokens) from new_rows) - sum(tokens), count(*) from old_rows having count(*) > 0';
  end if;
  return null;
end
$$;
