-- question_names: the exact names in a question, each as a tsquery that finds the chunks with all of its terms.
--
-- A name is a word that looks like a code, a number, an identifier or a path. What stands in double quotes or in
-- backticks is a name, too. A dot needs two characters on each side, because 'e.g.' is not a name. What is longer than
-- 200 characters is none, and of very many the first 100 words and the first 100 quotations count. In Python,
-- textsearch/names.py does the same.
--
-- Example: 'Who closed ticket MER-0237?' gives {"'0237' & 'mer'"}.
--
-- query  text
--
-- returns tsquery[]
-- called by: hybrid_ranking
-- inlined: no. It keeps its plan for the session, as searchable() does.
create or replace function question_names(query text) returns tsquery[]
language sql stable parallel safe
set plan_cache_mode = force_generic_plan
begin atomic
  select coalesce(array_agg(distinct form), '{}')
  from (
    (
      select word as name
      from string_to_table(translate(query, e'\t\n\v\f\r', '     '), ' ') with ordinality as words (word, place)
      where length(word) <= 200
        and word ~ '[0-9]|[A-Za-z0-9](_|::|:?\\|@)[A-Za-z0-9]|[A-Za-z0-9]{2}\.[A-Za-z0-9]{2}|/.*[/.][A-Za-z0-9]|[a-z][A-Z]'
      group by word
      order by min(place)
      limit 100
    )
    union all
    (
      select name
      from regexp_matches(query, '"([^"]+)"|`([^`]+)`', 'g') with ordinality as quotations (quotation, place),
        coalesce(quotation[1], quotation[2]) as name
      where length(name) <= 200
      group by name
      order by min(place)
      limit 100
    )
  ) first_names,
  lateral (
    select string_agg(quoted(term), ' & ')::tsquery as form
    from unnest(text_terms(name)) as terms (term, positions, weights)
    where weights[1] <> 'C'  -- other forms have the label C, or no position
  ) forms
  where form is not null;
end;
