-- fold_term_changes: add what writes have changed to the counts of the terms. Run counting_lock first.
--
-- It reads what has changed, and not what is stored. analyze_due says whether so much was written since the planner's
-- statistics were refreshed that they are due.
--
-- returns one: terms int8, analyze_due bool
--
-- psql: begin;
--       \i sql/queries/counting_lock.sql
--       \i sql/queries/fold_term_changes.sql
--       commit;
with first_lock as (
  select from chunks where false  -- locks chunks before the other tables, as writers do; else it could deadlock with truncate
),
taken as (
  delete from term_changes
  returning added, removed
),
changed as materialized (
  select term, sum(change)::int4 as change
  from (
    select term, 1 as change from taken, unnest(tsvector_to_array(added)) as t (term)
    union all
    select term, -1 from taken, unnest(tsvector_to_array(removed)) as t (term)
  ) changes
  group by term
  having sum(change) <> 0
),
counted as materialized (
  -- A lookup for each term. A join could read the whole table for a few terms, because the planner does not know how many
  -- there are.
  select term, change + coalesce((select df from term_statistics known where known.term = changed.term), 0) as df
  from changed
),
written as (
  insert into term_statistics (term, df)
  select term, df
  from counted
  where df > 0
  on conflict (term) do update
  set df = excluded.df
),
gone as (
  delete from term_statistics
  where term = any(array(select term from counted where df <= 0))
),
size as (
  select coalesce(sum(changes), 0) as changes, coalesce(sum(chunks), 0) as chunks
  from chunk_counts
),
due as (
  select s.changes - t.analyzed_at > 0.1 * s.chunks as analyze_due
  from size s, term_statistics_state t
),
noted as (
  update term_statistics_state
  set changes = size.changes,
      exact_at = size.changes,
      analyzed_at = case when due.analyze_due then size.changes else analyzed_at end,
      counted_at = now()
  from size, due
)
select (select count(*) from counted) as terms, analyze_due
from due;
