-- ranking_settings: the parameters of keyword ranking in this session.
--
-- The library sets them from its configuration when it opens a connection. In psql you can set one yourself, for
-- instance "set agent_brain.b = 0.5;". A parameter that was never set has its default.
--
--   agent_brain.keyword_budget  400   about how many chunks are scored; 0 scores every match
--   agent_brain.k1              1.2   BM25: how much a repeated word still adds; 0 counts it once
--   agent_brain.b               0.75  BM25: how much the length of a chunk counts, from 0 to 1
--   agent_brain.heading_weight  3     how often a word in a heading or a name counts; at least 1
--   agent_brain.summary_weight  2     how often a word in a summary counts; at least 1
--
-- returns one: budget int4, k1 float8, b float8, heading_weight float8, summary_weight float8
-- called by: plan_query, keyword_ranking, keyword_results, session_facts.sql, keyword_search_refined.sql,
--   with_every_word, verbatim
-- inlined: yes
create or replace function ranking_settings()
returns table (budget int4, k1 float8, b float8, heading_weight float8, summary_weight float8)
language sql stable parallel safe
begin atomic
  select
    coalesce(nullif(current_setting('agent_brain.keyword_budget', true), '')::int4, 400),
    coalesce(nullif(current_setting('agent_brain.k1', true), '')::float8, 1.2),
    coalesce(nullif(current_setting('agent_brain.b', true), '')::float8, 0.75),
    coalesce(nullif(current_setting('agent_brain.heading_weight', true), '')::float8, 3),
    coalesce(nullif(current_setting('agent_brain.summary_weight', true), '')::float8, 2);
end;
