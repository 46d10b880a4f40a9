-- question_words: the words of a question as the user wrote them, and for each a tsquery that finds all its forms.
--
-- Example: 'Loading chunks?' gives the words {loading,chunks} and the forms {'load','chunk'}.
--
-- query  text
--
-- returns one: words text[], forms tsquery[]
-- called by: matched_terms.sql
-- inlined: no
create or replace function question_words(query text, out words text[], out forms tsquery[])
language sql stable parallel safe
begin atomic
  select coalesce(array_agg(word order by place), '{}'), coalesce(array_agg(form order by place), '{}')
  from (
    select
      lower(word) as word,
      min(place) as place,
      string_agg(quoted(term), ' | ')::tsquery as form
    from (
      select regexp_replace(part, '^[^[:alnum:]]+|[^[:alnum:]]+$', '', 'g') as word, place
      from regexp_split_to_table(query, '\s+') with ordinality as parts (part, place)
    ) words, unnest(tsvector_to_array(to_tsvector(search_config(), searchable(word)))) as term
    group by lower(word)
  ) shown;
end;
