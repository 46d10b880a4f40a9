-- letter_terms: the terms of scripts that put no blanks between words, of Korean, whose words end in particles, and of
-- emoji.
--
-- Every letter is a term, and so are every two that stand together. So any part of a sentence is found, without a
-- dictionary. A letter has its marks with it. Such terms have no stem, so they need no parser, which would take longer.
--
-- Example: '请查VA004' gives 请, 查 and 请查, and the rest ' VA004'.
--
-- text  text  folded
--
-- returns one: terms tsvector, rest text
--
-- called by: text_terms, word_form
-- inlined: no. It keeps its plans for the session, as searchable() does.
-- stored data: version 2
create or replace function letter_terms(text text, out terms tsvector, out rest text)
language plpgsql immutable strict parallel safe
set plan_cache_mode = force_generic_plan
as $$
declare
  runs   text collate "C";
  parts  text[];
  letter constant text :=
    '[\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46\u0e81-\u0eb0\u0eb2\u0eb3\u0ebd-\u0ec6\u0edc-\u0edf\u1000-'
    '\u102a\u103f\u1050-\u1055\u105a-\u105d\u1061\u1065\u1066\u106e-\u1070\u1075-\u1081\u108e\u1780-'
    '\u17b3\u17d7\u17dc\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff'
    '\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003fffd'
    '\u2600-\u27bf\U0001f1e6-\U0001f1ff\U0001f300-\U0001f3fa\U0001f400-\U0001faff]';
  mark   constant text :=
    '[\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u102b-\u103e\u1056-\u1059\u105e-'
    '\u1060\u1062-\u1064\u1067-\u106d\u1071-\u1074\u1082-\u108d\u108f\u109a-\u109d\u17b4-\u17d3\u17dd'
    '\u3099\u309a]';
  run    constant text := '(?:' || letter || mark || '*)+';
begin
  terms := '';
  rest := text;
  if text collate "C" ~ run then
    runs := (select string_agg(piece[1], ' ') from regexp_matches(text collate "C", '(' || run || ')', 'g') as each (piece));
    if runs ~ mark then
      parts := array(select piece[1] from regexp_matches(runs, '(' || letter || mark || '*| )', 'g') as each (piece));
    else
      parts := string_to_array(runs, null);
    end if;
    terms := (
      select string_agg(
        case when next <> ' ' then concat(part, ':', 2 * place - 1, ' ', part, next, ':', 2 * place)
          else concat(part, ':', 2 * place - 1) end,
        ' ')
      from unnest(parts, parts[2:]) with ordinality as letters (part, next, place)
      where part <> ' '
    )::tsvector;
    rest := regexp_replace(text collate "C", run, ' ', 'g');
  end if;
end
$$;
