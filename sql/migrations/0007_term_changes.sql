-- 0007_term_changes: makes room for what each write changes about the terms, so that they need not be counted anew.

insert into schema_version (version, name) values (7, 'term_changes');

-- Writes that are under way do not note their terms yet, so this waits for them. Later ones wait for the new function.
do $$ begin lock table chunks in share row exclusive mode; end $$;

-- The terms that a chunk has since a write, and those that it had before, without positions. One of them is null for a
-- new chunk and for a deleted one. fold_term_changes.sql adds these rows to term_statistics and deletes them.
create table term_changes (
  added   tsvector,
  removed tsvector
);

-- Who may write chunks has to write here too, so the table has the privileges of chunk_counts.
do $$
declare
  given record;
begin
  for given in
    select case grantee when 0 then 'public' else grantee::regrole::text end as role, privilege_type as privilege
    from pg_class, aclexplode(relacl)
    where oid = 'chunk_counts'::regclass and grantee <> relowner
  loop
    execute format('grant %s on term_changes to %s', given.privilege, given.role);
  end loop;
end
$$;

-- The table has no key, and rows are deleted from it. Logical replication would refuse that without this.
alter table term_changes replica identity full;

-- exact_at is what changes was after the last count that took term_changes into account. If it is another number, all
-- terms have to be counted anew: in a store from before this migration, and after a count by an older library.
-- analyzed_at is the sum of chunk_counts.changes when the planner's statistics were refreshed.
alter table term_statistics_state
  add column exact_at int8 not null default -1,
  add column analyzed_at int8 not null default 0;

-- If the last count has seen every change, its numbers are exact. That includes a new store.
update term_statistics_state
set exact_at = changes
where changes = (select coalesce(sum(changes), 0) from chunk_counts);
