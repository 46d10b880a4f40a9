-- nearest: the chunks nearest to a vector, under a filter, gathered from all shards.
--
-- Each shard returns its k nearest chunks. The k nearest of these are the answer. So a shard that holds most of the nearest
-- chunks loses none of them.
--
-- The parameters and columns are those of sql/functions/nearest.sql. places is always null.
--
-- query_embedding  vector
-- k                int4
-- filter           text
-- source_prefix    text
-- places           tid[]
--
-- returns many: chunk_id text, distance float8, gave_up bool
--   gave_up is true if a shard's index was asked and missed chunks.
--
-- called by: vector_results, hybrid_ranking
-- inlined: no. Citus makes no plan without the values.
create or replace function nearest(query_embedding vector, k int4, filter text, source_prefix text, places tid[])
returns table (chunk_id text, distance float8, gave_up bool)
language plpgsql stable rows 10
set plan_cache_mode = force_custom_plan
set search_path from current
as $$
#variable_conflict use_column
declare
  ef      constant int4 := shard_effort(current_setting('hnsw.ef_search')::int4);
  probes  constant int4 := current_setting('ivfflat.probes')::int4;
  ids       text[];
  distances float8[];
  missed    bool;
begin
  select array_agg(best.chunk_id), array_agg(best.distance), bool_or(best.gave_up)
  into ids, distances, missed
  from (
    select f.chunk_id, f.distance, f.gave_up
    from parts p
    cross join lateral nearest_on(p.shard, query_embedding, k, filter, source_prefix, ef, probes) f
    order by f.distance, f.chunk_id collate "C"
    limit k
  ) best;
  return query
    select found.id, found.distance, missed
    from unnest(ids, distances) found (id, distance)
    order by found.distance, found.id collate "C";
end
$$;
