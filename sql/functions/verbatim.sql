-- verbatim: the chunks whose text has a question of nothing but stop words, as it is written. They are the last resort.
--
-- Stop words are not indexed, so texts are read one by one: 30 budgets of chunks that pass the filter, and no more. The
-- words have to stand side by side, in any case and with any marks between them. A chunk is scored as if the question
-- were one word. In Python, textsearch/verbatim.py does the same.
--
-- Example: 'to be or not to be' finds 'To be, or not to be: that is the question'.
--
-- query          text      a question. If it has terms, or more than 20 words or 400 characters, nothing is returned.
-- k              int4      how many
-- path           jsonpath  the filter; null passes every chunk
-- source_prefix  text      what metadata.source begins with, where the filter implies it; '' otherwise
-- places         tid[]     where to look; null looks everywhere
--
-- returns many: chunk_id text, score float8
--   There are at most k rows. They have no order.
--
-- called by: keyword_ranking
-- inlined: no. It keeps its plans for the session, as searchable() does.
--
-- psql: select * from verbatim('to be or not to be', 5, null, '', null);
create or replace function verbatim(query text, k int4, path jsonpath, source_prefix text, places tid[])
returns table (chunk_id text, score float8)
language plpgsql stable parallel safe rows 10
set plan_cache_mode = force_generic_plan
set search_path from current
as $$
#variable_conflict use_column
declare
  pattern constant text collate "C" := verbatim_pattern(query);
begin
  if pattern is null then
    return;
  end if;
  return query
    select chunk_id, times / (times + k1 * (1 - b) + k1 * b * tokens * chunks / all_tokens)
    from
      (
        select chunk_id, tokens, regexp_count(text collate "C", pattern)::float8 as times
        from chunks
        where ctid = any(coalesce(places, array(
          select ctid
          from chunks
          where matches(metadata, path, source_prefix)
          limit 30 * (select nullif(budget, 0)::int8 from ranking_settings())
        )))
      ) counted,
      ranking_settings(),
      (select sum(chunks)::float8 as chunks, greatest(sum(tokens), 1)::float8 as all_tokens from chunk_counts) size
    where times > 0
    order by 2 desc, chunk_id
    limit k;
end
$$;
