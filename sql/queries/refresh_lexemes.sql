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
  select word as lexeme, ndoc as df
  from turn, ts_stat(case when mine then 'select tsv from chunks' else 'select null::tsvector limit 0' end)
),
written as (
  insert into lexemes as known (lexeme, df)
  select lexeme, df
  from counted
  where octet_length(lexeme) <= 2000
  on conflict (lexeme) do update
  set df = excluded.df
  where known.df <> excluded.df
  returning 1
),
gone as (
  delete from lexemes as known
  using turn
  where mine and not exists (select from counted where counted.lexeme = known.lexeme)
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
