-- most_matches: at most how many chunks have a word of a question, by the term statistics.
--
-- query  text  a question in plain words
--
-- returns int8
-- called by: keyword_ranking
-- inlined: no. It runs only when a search has found too few chunks.
--
-- psql: select most_matches('how do I load chunks');
create or replace function most_matches(query text) returns int8
language sql stable parallel safe
begin atomic
  select coalesce(sum(chunks), 0)::int8
  from (
    select greatest(known.df, 1) as chunks  -- a term that was not counted may be new
    from unnest(text_terms(query)) as word
    left join term_statistics known on known.term = word.lexeme
    union all
    select df from prefix_terms(query)
  ) terms;
end;
