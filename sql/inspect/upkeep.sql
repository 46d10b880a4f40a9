-- upkeep: how well autovacuum looks after the chunks: dead rows, and how old the planner's statistics are.
--
-- dead_rows and rows are the server's estimates. analyzed is when the planner's statistics were last made, by hand or by
-- autovacuum, and changes is how many rows were written since.
--
-- psql: \i sql/inspect/upkeep.sql
select
  current_setting('autovacuum') = 'on'
    and coalesce('autovacuum_enabled=false' <> all (c.reloptions), true) as autovacuum,
  s.n_live_tup as rows,
  s.n_dead_tup as dead_rows,
  s.n_mod_since_analyze as changes,
  greatest(s.last_analyze, s.last_autoanalyze) as analyzed,
  greatest(s.last_vacuum, s.last_autovacuum) as vacuumed
from pg_stat_user_tables s
join pg_class c on c.oid = s.relid
where s.relid = 'chunks'::regclass;
