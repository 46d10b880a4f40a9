-- refresh_lexemes: count again in how many chunks each lexeme is. Only what changed is written.
--
-- One session at a time: another one finds the lock taken, changes nothing and gets no row. Nobody else waits.
--
-- returns many: lexemes int8, written int8
--
-- psql: \i sql/queries/refresh_lexemes.sql
with turn as materialized (
  select pg_try_advisory_xact_lock(hashtextextended('agent_brain_store lexemes ' || current_schema(), 0)) as mine
),
counted as materialized (
  -- Not by ts_stat, whose tree degenerates when words come in their order, as numbers and dates do: minutes for seconds.
  select w.lexeme, count(*)::int4 as df
  from chunks c, unnest(tsvector_to_array(c.tsv)) as w (lexeme)
  where (select mine from turn)
  group by w.lexeme
),
written as (
  insert into lexemes as known (lexeme, df)
  select lexeme, df
  from counted
  on conflict (lexeme) do update
  set df = excluded.df
  where known.df <> excluded.df
  returning 1
),
gone as (
  -- "not in" is a hashed lookup whatever the planner thinks of the numbers; as a join it can become quadratic.
  delete from lexemes
  using turn
  where mine and lexeme not in (select lexeme from counted)
  returning 1
),
noted as (
  update lexemes_counted
  set changes = (select coalesce(sum(changes), 0) from chunk_counts), counted_at = now()
  from turn
  where mine
  returning 1
)
select (select count(*) from counted) as lexemes, (select count(*) from written) + (select count(*) from gone) as written
from noted;
