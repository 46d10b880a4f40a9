-- refresh_term_statistics: count anew in how many chunks each term is. Run counting_lock first.
--
-- Only numbers that changed are written. On one node this is a repair, because fold_term_changes.sql keeps the numbers
-- exact. analyze_due says that the planner's statistics are due, which they are after every such count.
--
-- returns one: terms int8, analyze_due bool
--
-- psql: begin;
--       \i sql/queries/counting_lock.sql
--       \i sql/queries/refresh_term_statistics.sql
--       commit;
with counted as materialized (
  -- ts_stat() would count too, but its tree degenerates when words arrive in sorted order, as numbers and dates do.
  -- Then it takes minutes instead of seconds.
  select t.term, count(*)::int4 as df
  from chunks c, unnest(tsvector_to_array(c.tsv)) as t (term)
  group by t.term
),
folded as (
  delete from term_changes  -- these are counted with the rest
),
written as (
  insert into term_statistics as known (term, df)
  select term, df
  from counted
  on conflict (term) do update
  set df = excluded.df
  where known.df <> excluded.df
),
gone as (
  -- "not in" is a hashed lookup, whatever numbers of rows the planner expects. A join can become quadratic.
  delete from term_statistics
  where term not in (select term from counted)
),
size as (
  select coalesce(sum(changes), 0) as changes
  from chunk_counts
),
noted as (
  update term_statistics_state
  set changes = size.changes, exact_at = size.changes, analyzed_at = size.changes, counted_at = now()
  from size
)
select (select count(*) from counted) as terms, true as analyze_due;
