-- fold_scripts: a text with one form of each letter of Hebrew, Arabic and Devanagari, and with digits of ASCII.
--
-- The points of Hebrew and Arabic are gone, and so is the dot of Devanagari. Letters that people write in several ways,
-- such as those with hamza, are written in one, and Persian letters as Arabic has them. The Arabic article is gone, with
-- the short words that are written together with it. A Hebrew abbreviation is one word, whatever marks it has inside.
-- A nasal of Devanagari that stands before a consonant of its own kind is the dot above, as in most of today's texts.
--
-- Digits of a script stand at a multiple of 16 in Unicode. Those of India stand 6 behind one.
--
-- A session of PostgreSQL keeps 32 regular expressions. All steps of text_terms() together need almost as many, so a new
-- one has to be worth it. tests/textsearch/test_regular_expressions.py counts them.
--
-- text  text  in NFKC
--
-- returns text
-- called by: fold
-- inlined: no. It keeps its plans for the session, as searchable() does.
-- stored data: version 1
create or replace function fold_scripts(text text) returns text
language plpgsql immutable strict parallel safe
set plan_cache_mode = force_generic_plan
as $$
declare
  folded text collate "C" := text;
  form   text[];
  forms  constant text[] := array[
    [u&'\06cc', u&'\064a'], [u&'\06a9', u&'\0643'], [u&'\0623', u&'\0627'], [u&'\0629', u&'\0647'],
    [u&'\0625', u&'\0627'], [u&'\0649', u&'\064a'], [u&'\0622', u&'\0627'], [u&'\0626', u&'\064a'],
    [u&'\0624', u&'\0648'], [u&'\0671', u&'\0627'], [u&'\06c0', u&'\0647'], [u&'\06c1', u&'\0647'],
    [u&'\06c2', u&'\0647']];
  native text;
  plain  text;
begin
  folded := regexp_replace(
    replace(folded, u&'\05be', '-'),
    '[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4'
    '\u06e7\u06e8\u06ea-\u06ed]+|(?<=[\u0591-\u05ea])["''\u05f3\u05f4\u2019\u201d](?=[\u05d0-\u05ea])', '', 'g');
  if folded ~ '[\u0622-\u06cc]' then
    -- Not translate(), which compares every letter of the text with each of these.
    foreach form slice 1 in array forms loop
      folded := replace(folded, form[1], form[2]);
    end loop;
    folded := regexp_replace(folded,
      '(?<![\u0621-\u06d3])(?:[\u0648\u0641]?[\u0628\u0643]?\u0627\u0644|\u0648?\u0644\u0644)(?=[\u0621-\u06d3]{3})', '', 'g');
  end if;
  folded := replace(replace(folded, u&'\0901', u&'\0902'), u&'\093c', '');
  if strpos(folded, u&'\094d') > 0 then
    folded := regexp_replace(folded,
      '(?<=[\u0904-\u094c])(?:\u0919\u094d(?=[\u0915-\u0918])|\u091e\u094d(?=[\u091a-\u091d])'
      '|\u0923\u094d(?=[\u091f-\u0922])|\u0928\u094d(?=[\u0924-\u0927])|\u092e\u094d(?=[\u092a-\u092d]))', u&'\0902', 'g');
  end if;
  select
    string_agg(digit, ''),
    string_agg((ascii(digit) % 16 - case when ascii(digit) between 2304 and 3583 then 6 else 0 end)::text, '')
  into native, plain
  from (
    select distinct matched[1] as digit
    from regexp_matches(
      folded,
      '[\u0660-\u0669\u06f0-\u06f9\u0966-\u096f\u09e6-\u09ef\u0a66-\u0a6f\u0ae6-\u0aef\u0b66-\u0b6f\u0be6-'
      '\u0bef\u0c66-\u0c6f\u0ce6-\u0cef\u0d66-\u0d6f\u0e50-\u0e59\u0ed0-\u0ed9\u0f20-\u0f29\u1040-\u1049'
      '\u17e0-\u17e9\u1810-\u1819]',
      'g') as each (matched)
  ) present;
  return case when native is null then folded else translate(folded, native, plain) end;
end
$$;
