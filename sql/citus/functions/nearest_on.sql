-- nearest_on: the chunks of one shard that are nearest to a vector, under a filter.
--
-- It runs on the node that holds the shard, and calls the shard's versions of nearest() and filter_scope().
--
-- shard            int8
-- query_embedding  vector
-- k                int4
-- filter           text  a jsonpath; '' matches every chunk
-- source_prefix    text  what metadata.source begins with, where the filter implies it; '' otherwise
-- ef               int4  hnsw.ef_search for this shard
-- probes           int4  ivfflat.probes
--
-- returns many: chunk_id text, distance float8, gave_up bool
-- called by: nearest
-- inlined: no
create or replace function nearest_on(
  shard int8, query_embedding vector, k int4, filter text, source_prefix text, ef int4, probes int4
)
returns table (chunk_id text, distance float8, gave_up bool)
language plpgsql stable rows 10
set search_path from current
set jit = off
as $$
begin
  -- A node knows nothing of the session that asks. Without these it would look at 40 chunks, and stop there.
  perform
    set_config('hnsw.ef_search', ef::text, true),
    set_config('hnsw.iterative_scan', 'relaxed_order', true),
    set_config('ivfflat.probes', probes::text, true),
    set_config('ivfflat.iterative_scan', 'relaxed_order', true);
  return query execute format(
    'select n.chunk_id, n.distance, n.gave_up
     from nearest_%1$s($1, $2, $3, $4, (
       select places from filter_scope_%1$s($3, $4, exact_limit_%1$s($2)) where $3 || $4 <> ''''
     )) n',
    shard
  )
  using query_embedding, k, filter, source_prefix;
end
$$;
