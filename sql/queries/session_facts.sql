-- session_facts: the settings that this session really has.
--
-- The server ignores a bad value in the startup packet with no more than a warning, so the start reads these back.
--
-- returns one: ef_search text, iterative_scan text, plan_cache_mode text, keyword_budget text
--
-- psql: \i sql/queries/session_facts.sql
select
  current_setting('hnsw.ef_search') as ef_search,
  current_setting('hnsw.iterative_scan') as iterative_scan,
  current_setting('plan_cache_mode') as plan_cache_mode,
  (select budget::text from ranking_settings()) as keyword_budget
from (select '[1]'::vector) as loads_the_extension;
