-- size_of: how many chunks and tokens a shard has. It reads the whole shard, on its node.
--
-- shard  int8
--
-- returns one: chunks int8, tokens int8
-- called by: fill_parts
-- inlined: no
create or replace function size_of(shard int8) returns table (chunks int8, tokens int8)
language plpgsql stable rows 1
set search_path from current
as $$
begin
  return query execute format('select count(*), coalesce(sum(tokens), 0)::int8 from chunks_%s', shard);
end
$$;
