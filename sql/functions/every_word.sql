-- every_word: a tsquery that finds the chunks with every word of a question, each in any of its forms.
--
-- A word is what stands between blanks, and word_form() finds it. Stop words do not count. Of a very long question the
-- first 100 words count. In Python, word_forms() in textsearch/words.py does the same.
--
-- Example: 'send an e-mail' gives 'send' & ('e' & 'mail' | 'email').
--
-- query  text
--
-- returns tsquery
--   null if no word is left
--
-- called by: with_every_word, keyword_search_refined.sql
-- inlined: no
create or replace function every_word(query text) returns tsquery
language sql stable parallel safe
begin atomic
  select string_agg('(' || form || ')', ' & ')::tsquery
  from (
    select concat_ws(
      ' | ',
      nullif(word_form(part, known), ''),
      (select string_agg(quoted(term), ' | ') from prefix_terms(part) where part = parts[cardinality(parts)])
    ) as form
    from
      (
        select
          tsvector_to_array(text_terms(query)) as known,
          string_to_array(translate(query, e'\t\n\v\f\r', '     '), ' ') as parts
      ) whole,
      lateral (
        select part
        from unnest(parts) with ordinality as split (part, place)
        where part <> ''
        group by part
        order by min(place)
        limit 100
      ) first_words
  ) forms
  where form <> '';
end;
