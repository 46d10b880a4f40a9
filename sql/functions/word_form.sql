-- word_form: a tsquery, as text, that finds the chunks with one word of a question, in any of its forms.
--
-- A chunk needs all terms of the word, or one of its other forms: 'e-mail' is found by e and mail, or by email. A path as
-- one word is such a form too, as long as the path has two parts that are no stop words. So 'main.py' is found in
-- src/app/main.py. The first ten terms of a word count. In Python, word_forms() in textsearch/words.py does the same.
--
-- word   text    what stands between blanks
-- known  text[]  the terms of the whole question
--
-- returns text
--   empty for a stop word
--
-- called by: every_word
-- inlined: no. It keeps its plans for the session, as searchable() does.
create or replace function word_form(word text, known text[]) returns text
language plpgsql stable parallel safe
set plan_cache_mode = force_generic_plan
set search_path from current
as $$
declare
  needed text[];
  others text[];
  paths  text[];
begin
  select
    array_agg(lexeme) filter (where weights[1] <> 'C' and lexeme = any(known)),
    array_agg(lexeme) filter (where weights[1] = 'C' or weights is null)
  into needed, others
  from unnest(text_terms(word));
  if cardinality(needed) > 2 then
    paths := tsvector_to_array(to_tsvector(search_config(), path_names((letter_terms(fold(word))).rest)));
    if (select count(*) from unnest(needed) term where term <> all(paths)) > 1 then
      others := others || array(select term from unnest(needed) term where term = any(paths));
      needed := array(select term from unnest(needed) term where term <> all(paths));
    end if;
  end if;
  return concat_ws(
    ' | ',
    (select string_agg(quoted(term), ' & ')
     from (select term from unnest(needed) term order by term collate "C" limit 10) first_terms),
    (select string_agg(quoted(term), ' | ')
     from (select term from unnest(others) term order by term collate "C" limit 10) other_forms)
  );
end
$$;
