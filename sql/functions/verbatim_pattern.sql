-- verbatim_pattern: the regular expression that finds a question of nothing but stop words, as it is written.
--
-- The words have to stand side by side, in any case and with any marks between them.
--
-- query  text  a question
--
-- returns text
--   null if the question has terms, no words, more than 20 words, or more than 400 characters
--
-- called by: verbatim
-- inlined: no. It keeps its plans for the session, as searchable() does.
--
-- psql: select verbatim_pattern('to be or not to be');
create or replace function verbatim_pattern(query text) returns text
language plpgsql stable parallel safe
set plan_cache_mode = force_generic_plan
set search_path from current
as $$
declare
  alnum constant text := 'A-Za-z0-9\u00c0-\u1fff\u2c00-\u2dff\u3040-\U0003ffff';
  words text[];
begin
  if length(query) > 400 or text_terms(query) <> '' then
    return null;
  end if;
  words := array(
    select (
      select string_agg(
        concat('[', case when length(lower(letter)) = 1 then lower(letter) end,
          case when length(upper(letter)) = 1 then upper(letter) end, ']'),
        '' order by place)
      from string_to_table(word[1] collate "default", null) with ordinality as letters (letter, place)
    )
    from regexp_matches(fold(query) collate "C", concat('[', alnum, ']+'), 'g') with ordinality as found (word, place)
    order by place
  );
  if cardinality(words) not between 1 and 20 then
    return null;
  end if;
  return concat('(?<![', alnum, '])', array_to_string(words, concat('[^', alnum, ']+')), '(?![', alnum, '])');
end
$$;
