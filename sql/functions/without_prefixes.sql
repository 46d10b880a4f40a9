-- without_prefixes: those Hebrew words of a folded text that may begin with a prefix, without it, with a blank between them.
--
-- Prefixes are single letters, such as the article. Two of them may stand together, so a word may be here twice. Nobody
-- can tell without a dictionary whether a letter is a prefix. So these are second forms of words, beside the words
-- themselves. In Python, textsearch/folding.py does exactly the same.
--
-- text  text
--
-- returns text
-- called by: text_terms
-- inlined: no. It keeps its plan for the session, as searchable() does.
-- stored data: version 1
create or replace function without_prefixes(text text) returns text
language sql immutable strict parallel safe
set plan_cache_mode = force_generic_plan
begin atomic
  select coalesce(string_agg(
    case
      when length(word[1]) > 4 and strpos(
        case when left(word[1], 1) in (u&'\05d5', u&'\05e9') then u&'\05d4\05d1\05dc\05de\05db\05e9'
          when left(word[1], 1) = u&'\05de' then u&'\05d4'
          when left(word[1], 1) = u&'\05db' then u&'\05e9' end,
        substr(word[1], 2, 1)) > 0
        then concat(substr(word[1], 2), ' ', substr(word[1], 3))
      else substr(word[1], 2)
    end, ' '), '')
  from regexp_matches(
    text collate "C",
    '(?<![A-Za-z0-9\u00c0-\u1fff\u2c00-\u2dff\u3040-\U0003ffff])[\u05d4\u05d5\u05d1\u05dc\u05de\u05e9\u05db][\u05d0-\u05ea]{3,}',
    'g') as prefixed (word);
end;
