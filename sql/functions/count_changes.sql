-- count_changes: notes in chunk_counts and in term_changes what a write of chunks has changed.
--
-- Each write appends rows. So counting the chunks means adding up a few rows, and writers never wait for each other.
-- compact_counts.sql replaces many rows of chunk_counts by their sum. The terms are only copied here, because counting
-- them would cost a deletion more than the deletion itself. fold_term_changes.sql counts them later.
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
    insert into term_changes (added)
    select strip(tsv) from new_rows;
  elsif tg_op = 'DELETE' then
    insert into chunk_counts
    select -count(*), -sum(tokens), count(*) from old_rows having count(*) > 0;
    insert into term_changes (removed)
    select strip(tsv) from old_rows;
  elsif tg_op = 'UPDATE' then
    insert into chunk_counts
    select 0, (select sum(tokens) from new_rows) - sum(tokens), count(*) from old_rows having count(*) > 0;
    insert into term_changes (added, removed)
    select strip(n.tsv), strip(o.tsv)
    from new_rows n
    join old_rows o using (chunk_id)
    where n.tsv <> o.tsv;
  else
    truncate chunk_counts, term_changes;  -- this waits for sessions that are adding them up
    update term_statistics_state set changes = 0, exact_at = -1, analyzed_at = 0;
  end if;
  return null;
end
$$;
