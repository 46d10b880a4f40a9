-- question_words: the words of a question as the user wrote them, and for each a tsquery that finds all its forms.
--
-- A question may have many thousand words, and a word many thousand parts. Only the first 1000 words count, and of a word
-- the first 1000 terms. A longer tsquery would exceed the server's stack. In Python, textsearch/index.py does the same.
--
-- Example: 'Loading chunks?' gives the words {loading,chunks} and the forms {'load','chunk'}. Marks around a word are left
-- out, unless they belong to it, as in C++, C# and .NET.
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
    select word, place, (select string_agg(quoted(term), ' | ') from unnest(terms) as term)::tsquery as form
    from (
      select lower(word) as word, min(place) as place, (array_agg(distinct term collate "C"))[1:1000] as terms
      from (
        select part, word, min(place) as place
        from (
          -- A part without letters may be an emoji.
          select
            coalesce(
              nullif(
                regexp_replace(
                  regexp_replace(part, '^(?:[^[:alnum:].]|\.(?![A-Za-z])|(?<=[^(\[,])\.)+', ''),
                  '([[:alnum:]](?:\+\+|#)?)[^[:alnum:]]*$', '\1'),
                ''),
              regexp_replace(part, '^[!-/:-@\[-`{-~]+|[!-/:-@\[-`{-~]+$', '', 'g')) as word,
            part, place
          from regexp_split_to_table(query, '\s+') with ordinality as parts (part, place)
        ) words
        where word <> ''
        group by part, word
        order by 3
        limit 1000
      ) first_words,
      lateral (
        select unnest(tsvector_to_array(text_terms(part))) as term
        union
        select begun.term from prefix_terms(part) as begun where right(query, length(part)) = part
      ) terms
      group by lower(word)
    ) distinct_words
  ) shown;
end;
