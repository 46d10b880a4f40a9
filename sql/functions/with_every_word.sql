-- with_every_word: the ids of chunks that have every word of a question, as many as the budget allows.
--
-- The term index reads the lists of the words as far as the rarest one goes. If more chunks have every word than the
-- budget, the shortest of the first five budgets are taken, because the words weigh most in them.
--
-- query          text   a question in plain words
-- filter         text   a jsonpath; '' passes every chunk
-- source_prefix  text   what metadata.source begins with, where the filter implies it; '' otherwise
-- places         tid[]  what filter_scope() returns: where the chunks that pass the filter are, or null
--
-- returns text[]
-- called by: keyword_search_refined.sql
-- inlined: no. The session keeps its plans.
--
-- psql: select with_every_word('load chunks', '', '', null);
create or replace function with_every_word(query text, filter text, source_prefix text, places tid[]) returns text[]
language plpgsql stable parallel safe
set plan_cache_mode = force_generic_plan
set search_path from current
as $$
declare
  form constant tsquery := every_word(query);
  path constant jsonpath := nullif(filter, '');
  most constant int8 := (select nullif(budget, 0) from ranking_settings());
begin
  if places is not null then
    return array(select chunk_id from chunks where ctid = any(places) and tsv @@ form);
  end if;
  return array(
    select chunk_id
    from (
      select chunk_id, tokens
      from chunks
      where tsv @@ form and matches(metadata, path, source_prefix)
      limit 5 * most
    ) found
    order by tokens, chunk_id
    limit most
  );
end
$$;
