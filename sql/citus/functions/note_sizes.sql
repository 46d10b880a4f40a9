-- note_sizes: keeps the sizes of the store beside the term statistics, for searches.
--
-- A search needs the number of chunks and of tokens, to say how rare a term is. With this it reads them on the
-- coordinator. They are as old as the term statistics are. When these are emptied, nothing is left to be counted.
--
-- returns trigger
-- called by: the triggers of term_statistics and term_statistics_state (distribute.sql)
-- inlined: no
create or replace function note_sizes() returns trigger
language plpgsql
set search_path from current
as $$
declare
  size record;
begin
  if tg_op = 'TRUNCATE' then
    update term_statistics_state set changes = 0;
    return null;
  end if;
  select coalesce(sum(chunks), 0) as chunks, coalesce(sum(tokens), 0) as tokens, coalesce(sum(changes), 0) as changes
  into size
  from shard_counts;
  delete from chunk_counts;
  insert into chunk_counts (chunks, tokens, changes) values (size.chunks, size.tokens, size.changes);
  new.changes := size.changes;
  return new;
end
$$;
