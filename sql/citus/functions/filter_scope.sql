-- filter_scope: nothing. Which chunks pass a filter is for each shard to find out, because a place is a place in a shard.
--
-- The parameters and columns are those of sql/functions/filter_scope.sql. Each shard has a version of that file.
--
-- filter         text
-- source_prefix  text
-- at_most        int8
--
-- returns one: places tid[], share float8
--   Both are null.
--
-- called by: vector_results, keyword_results, hybrid_ranking
-- inlined: yes
create or replace function filter_scope(
  filter text, source_prefix text, at_most int8, out places tid[], out share float8
)
language sql stable parallel safe
return (null::tid[], null::float8);
