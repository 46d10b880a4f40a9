-- keyword_results: the chunks that contain any word of a question, best first, with their texts.
--
-- query          text  a question in plain words
-- k              int4  how many
-- filter         text  a jsonpath; '' matches every chunk
-- source_prefix  text  what metadata.source begins with, where the filter implies it; '' otherwise
--
-- returns many: chunk_id text, text text, metadata jsonb, score float8, is_widened bool
--   keyword_search.sql says what they mean.
--
-- called by: keyword_search.sql
-- inlined: no. The session keeps its plan, because making it takes a fifth of a search. It depends on no filter.
create or replace function keyword_results(query text, k int4, filter text, source_prefix text)
returns table (chunk_id text, text text, metadata jsonb, score float8, is_widened bool)
language plpgsql stable parallel safe rows 10
set plan_cache_mode = force_generic_plan
set search_path from current
as $$
#variable_conflict use_column
declare
  places tid[];   -- the places of the chunks that pass the filter, if they are few enough to score them all
  share  float8;  -- which part of all chunks passes
begin
  if filter || source_prefix <> '' then
    select s.places, s.share
    into places, share
    from ranking_settings() r, filter_scope(filter, source_prefix, 2 * r.budget::int8) s;
  end if;
  return query
  with best as materialized (
    select chunk_id, score, is_widened
    from keyword_ranking(query, k, filter, source_prefix, places, share)
    order by score desc, chunk_id collate "C"
    limit k
  )
  -- Texts are fetched last, and only for the rows that are returned.
  select c.chunk_id, c.text, c.metadata, b.score / max(b.score) over (), b.is_widened
  from best b
  join chunks c using (chunk_id)
  order by b.score desc, c.chunk_id;
end
$$;
