-- refresh_term_statistics: count again in how many chunks each term is. Only numbers that changed are written.
--
-- One session counts at a time. A second one finds the lock taken, changes nothing and gets no row. Nobody waits.
--
-- returns many: terms int8, written int8
--
-- psql: \i sql/queries/refresh_term_statistics.sql
with turn as materialized (
  select pg_try_advisory_xact_lock(hashtextextended('agent_brain_store terms ' || current_schema(), 0)) as mine
),
counted as materialized (
  -- ts_stat() would count too, but its tree degenerates when words arrive in sorted order, as numbers and dates do.
  -- Then it takes minutes instead of seconds.
  select t.term, count(*)::int4 as df
  from chunks c, unnest(tsvector_to_array(c.tsv)) as t (term)
  where (select mine from turn)
  group by t.term
),
written as (
  insert into term_statistics as known (term, df)
  select term, df
  from counted
  on conflict (term) do update
  set df = excluded.df
  where known.df <> excluded.df
  returning 1
),
gone as (
  -- "not in" is a hashed lookup, whatever numbers of rows the planner expects. A join can become quadratic.
  delete from term_statistics
  using turn
  where mine and term not in (select term from counted)
  returning 1
),
noted as (
  update term_statistics_state
  set changes = (select coalesce(sum(changes), 0) from chunk_counts), counted_at = now()
  from turn
  where mine
  returning 1
)
select (select count(*) from counted) as terms, (select count(*) from written) + (select count(*) from gone) as written
from noted;
