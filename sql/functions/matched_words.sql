-- matched_words: the words of a question that a chunk contains in any form.
--
-- words  text[]     what question_words() returns
-- forms  tsquery[]
-- tsv    tsvector   the terms of the chunk
--
-- returns text[]
-- called by: matched_terms.sql
-- inlined: no. It keeps its plan for the session, as searchable() does.
create or replace function matched_words(words text[], forms tsquery[], tsv tsvector) returns text[]
language sql immutable strict parallel safe
set plan_cache_mode = force_generic_plan
begin atomic
  select coalesce(array_agg(word order by place), '{}')
  from
    (select tsv || '' as terms offset 0) unpacked,  -- once; otherwise a long chunk is unpacked again for each word
    unnest(words, forms) with ordinality as shown (word, form, place)
  where terms @@ form;
end;
