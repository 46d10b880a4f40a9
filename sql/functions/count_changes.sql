-- count_changes: notes in chunk_counts what a write of chunks has changed.
--
-- Each write appends one row. So counting the chunks means adding up a few rows, and writers never wait for each other.
-- compact_counts.sql replaces many rows by their sum.
--
-- returns trigger
-- called by: the triggers of chunks (0001_store.sql)
-- inlined: no
create or replace function count_changes() returns trigger
language plpgsql
set search_path from current
as $$
begin
  if tg_op = 'INSERT' then
    insert into chunk_counts
    select count(*), sum(tokens), count(*) from new_rows having count(*) > 0;
  elsif tg_op = 'DELETE' then
    insert into chunk_counts
    select -count(*), -sum(tokens), count(*) from old_rows having count(*) > 0;
  elsif tg_op = 'UPDATE' then
    insert into chunk_counts
    select 0, (select sum(tokens) from new_rows) - sum(tokens), count(*) from old_rows having count(*) > 0;
  else
    truncate chunk_counts;  -- this waits for sessions that are adding it up
    update term_statistics_state set changes = 0;
  end if;
  return null;
end
$$;
