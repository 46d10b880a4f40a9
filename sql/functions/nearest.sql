-- nearest: the chunks nearest to a vector, under a filter. Every search takes its vector ranking from here.
--
-- If few chunks pass the filter, filter_scope() has collected their places, and these chunks are compared one by one. So
-- are all chunks of a store that has few. Otherwise the vector index is asked.
--
-- The vector index has one chunk of each vector, the leader. The leaders that are found bring their copies along.
--
-- Such an index can miss chunks, and it does not say so. Under a filter it can give up too early. Many vectors that are
-- equally far from everything lead it into a dead end. So the index is asked for one row more than are wanted. If it is
-- as far away as the last wanted one, the index is asked for five more. If there are too few rows, or if these five are
-- as far away, too, all chunks are compared.
--
-- It may also measure distances roughly (index_distance.sql). So what it finds is measured again. And if few chunks pass,
-- it goes on in rounds, and a later round may find nearer chunks (hnsw.iterative_scan = relaxed_order). So its order does
-- not count.
--
-- Example: you ask for five chunks. The index delivers six leaders, and the second one has 3,000 copies. Five of these
-- are looked up. Of chunks at the same distance, those with the smallest ids are returned, so the answer is always the
-- same.
--
-- query_embedding  vector
-- k                int4   how many
-- filter           text   a jsonpath; '' matches every chunk
-- source_prefix    text   what metadata.source begins with, where the filter implies it; '' otherwise
-- places           tid[]  what filter_scope() returns: where the chunks that pass the filter are, or null
--
-- returns many: chunk_id text, distance float8, gave_up bool
--   gave_up is true if the index was asked and missed chunks.
--
-- called by: vector_results, hybrid_ranking, vector_search_refined.sql
-- inlined: no. The session keeps its plans. None of them depends on the filter, and without the setting below, the
--   planner would read a store that was empty when the plan was made chunk by chunk.
create or replace function nearest(query_embedding vector, k int4, filter text, source_prefix text, places tid[])
returns table (chunk_id text, distance float8, gave_up bool)
language plpgsql stable parallel safe rows 10
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set search_path from current
as $$
#variable_conflict use_column
declare
  path      constant jsonpath := nullif(filter, '');
  few       bool;
  ids       text[];
  distances float8[];
  leaders   text[];  -- those with copies
  spare     int4;  -- how many rows more than k
  is_full   bool;  -- whether the index had as many rows as were asked for
  missed    bool;
begin
  if places is not null then
    return query
      select n.chunk_id, n.distance, false from nearest_among(query_embedding, k, places) n;
    return;
  end if;
  few := filter || source_prefix = '' and (select coalesce(sum(chunks), 0) <= exact_limit(k) from chunk_counts);
  if not few then
    foreach spare in array array[1, 5] loop
      select
        array_agg(f.chunk_id order by f.distance),
        array_agg(f.distance order by f.distance),
        array_agg(f.chunk_id) filter (where f.has_copies)
      into ids, distances, leaders
      from (
        select found.chunk_id, found.has_copies, distance(found.embedding, query_embedding) as distance
        from (
          -- The index can serve one table and an order by this distance alone.
          select c.chunk_id, c.has_copies, c.embedding
          from chunks c
          where not c.is_copy
            and (
              matches(c.metadata, path, source_prefix)
              or (c.has_copies and exists (select from copies(c.chunk_id, 1, path, source_prefix)))
            )
          order by index_distance(c.embedding, query_embedding)
          limit shortlist(k) + spare
        ) found
        offset 0  -- so that each distance is computed once
      ) f;
      is_full := cardinality(ids) = shortlist(k) + spare;
      missed := case when is_full then distances[k] = distances[k + spare] end;
      exit when missed is not true;
    end loop;
    missed := missed or is_full is not true and not is_complete(coalesce(cardinality(ids), 0), path, source_prefix);
  end if;
  if few or missed then
    execute
      'select array_agg(chunk_id), array_agg(distance)
       from (
         select chunk_id, distance
         from (select chunk_id, distance(embedding, $1) as distance from chunks where matches(metadata, $3, $4)) passing
         order by distance + 0, chunk_id
         limit $2
       ) best'
    into ids, distances
    using query_embedding, k, path, source_prefix;
  elsif leaders is not null then
    select array_agg(every.id), array_agg(every.distance)
    into ids, distances
    from (
      select found.id, found.distance
      from unnest(ids, distances) found (id, distance)
      join chunks c on c.chunk_id = found.id
      where matches(c.metadata, path, source_prefix)
      union  -- two leaders of one vector have the same copies
      select copy.chunk_id, found.distance
      from unnest(ids, distances) found (id, distance), copies(found.id, k, path, source_prefix) copy
      where found.id = any(leaders)
    ) every;
  end if;
  return query
    select found.id, found.distance, coalesce(missed, false)
    from unnest(ids, distances) found (id, distance)
    order by found.distance, found.id collate "C"
    limit k;
end
$$;
