-- text_terms: the terms of a text. Chunks and questions get theirs from here.
--
-- Words with an accent are found without it too: 'café' has the terms café and, with the label C, cafe. So 'cafe' finds
-- it, and a chunk with the form of the question still comes first. Hebrew words without a prefix are such terms too.
--
-- A name that people write in one piece too has this form without a position. So it counts once, and it does not make
-- a chunk longer.
--
-- A stop word in capitals is a name: 'ask IT', 'the WHO'. A text of nothing but capitals says nothing about that, so
-- there it is one only if the text has no other terms.
--
-- In Python, textsearch/words.py does exactly the same.
--
-- text  text
--
-- returns tsvector
-- called by: chunk_terms, question_words, question_names, plan_query, most_matches, every_word, word_form,
--   verbatim_pattern
-- inlined: no. It keeps its plans for the session, as searchable() does.
-- stored data: version 2
create or replace function text_terms(text text) returns tsvector
language plpgsql immutable strict parallel safe
set plan_cache_mode = force_generic_plan
set search_path from current
as $$
declare
  folded  text collate "C" := case
    when octet_length(text) = length(text) and strpos(text, e'\x1b') = 0 and strpos(text, e'-\n') = 0
      and strpos(text, e'-\r\n') = 0 then text else fold(text) end;
  cut     text collate "C";
  closed  text;
  words   tsvector;
  letters tsvector;
  terms   tsvector;
begin
  if octet_length(folded) > length(folded) then
    select l.terms, l.rest into letters, folded from letter_terms(folded) l;
  end if;
  cut := searchable(folded);
  words := to_tsvector(search_config(), cut);
  -- Most questions end here. Each expression of this language costs some microseconds.
  if octet_length(cut) = length(cut) and letters is null and cut !~ '[A-Z][A-Z]'
    and strpos(folded, '-') + strpos(folded, ',') + strpos(folded, '''') = 0
  then
    return words;
  end if;
  terms := words || coalesce(letters, '');
  if octet_length(cut) > length(cut) then
    terms := terms || setweight(
      ts_delete(
        to_tsvector(search_config(), case
          -- This is a pattern of fold(). A session keeps few patterns, so there is none for Hebrew alone.
          when cut ~ '[\u0590-\u06ff\u0900-\u0fff\u1040-\u1049\u17e0-\u17e9\u1810-\u1819]'
            then concat(without_accents(cut), ' ', without_prefixes(cut))
          else without_accents(cut)
        end),
        tsvector_to_array(words)),
      'C');
  end if;
  if cut ~ '[A-Z][A-Z]' and (upper(text collate "C") <> text or words || coalesce(letters, '') = '') then
    terms := terms || to_tsvector('pg_catalog.simple', coalesce((
      select string_agg(word[1], ' ' order by place)
      from regexp_matches(
        cut,
        '(?<![A-Za-z0-9\u00c0-\u1fff\u2c00-\u2dff\u3040-\U0003ffff])([A-Z][A-Z]+)(?![A-Za-z0-9\u00c0-\u1fff'
        '\u2c00-\u2dff\u3040-\U0003ffff])',
        'g') with ordinality as capitals (word, place)
      where to_tsvector(search_config(), word[1]) = ''
    ), ''));
  end if;
  closed := closed_forms(folded);
  if closed is not null then
    if octet_length(closed) > length(closed) then
      closed := concat(closed, ' ', without_accents(closed));
    end if;
    terms := terms || strip(to_tsvector(search_config(), closed));
  end if;
  return terms;
end
$$;
