-- ranking_on: the chunks of one shard that are best for the words of a question, each with its BM25 score.
--
-- It runs on the node that holds the shard, and never reads the shard as a whole if an index helps. A shard that was not
-- analyzed yet looks small to the planner. If few chunks of the shard pass the filter, all of them are scored, up to twice
-- the budget. Otherwise about as many as the budget says.
--
-- shard          int8
-- plan           text    the row of plan_query(), as JSON
-- k              int4    how many
-- filter         text    a jsonpath; '' matches every chunk
-- source_prefix  text    what metadata.source begins with, where the filter implies it; '' otherwise
-- budget         int4    about how many chunks to score; 0 scores every match
-- ids            text[]  score these chunks and no others; null scores what the filter and the budget allow
--
-- returns many: chunk_id text, score float8
--   If not every match of the shard was scored, there is one more row. Its chunk_id and score are null.
--
-- called by: keyword_ranking, keyword_scores
-- inlined: no
create or replace function ranking_on(
  shard int8, plan text, k int4, filter text, source_prefix text, budget int4, ids text[]
)
returns table (chunk_id text, score float8)
language plpgsql stable rows 10
set search_path from current
set jit = off
set enable_seqscan = off
as $$
declare
  places tid[];
begin
  if ids is not null then
    execute format('select array(select ctid from chunks_%s where chunk_id = any($1))', shard) into places using ids;
  elsif filter || source_prefix <> '' then
    execute format('select places from filter_scope_%s($1, $2, $3)', shard)
    into places
    using filter, source_prefix, 2 * budget::int8;
  end if;
  return query execute format(
    'select b.chunk_id, b.score from bm25_%s($1, $2, $3, $4, $5) b order by b.score desc, b.chunk_id collate "C" limit $6',
    shard
  )
  using
    plan,
    case when places is null then nullif(filter, '')::jsonpath end,
    case when places is null then source_prefix else '' end,
    budget,
    places,
    k;
  if places is null and budget > 0 then
    return query values (null::text, null::float8);
  end if;
end
$$;
