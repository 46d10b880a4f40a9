-- without_accents: those words of a folded text that have an accent, without it, and with a blank between them.
--
-- Latin and Greek letters lose their accents, and the Russian io becomes ie. Letters such as o with a stroke and the
-- German sharp s are spelled with other letters. In Python, textsearch/folding.py does exactly the same.
--
-- text  text
--
-- returns text
-- called by: text_terms
-- inlined: no. It keeps its plans for the session, as searchable() does.
-- stored data: version 1
create or replace function without_accents(text text) returns text
language plpgsql immutable strict parallel safe
set plan_cache_mode = force_generic_plan
as $$
declare
  words text collate "C" := (
    select string_agg(word[1], ' ')
    from regexp_matches(
      text collate "C",
      '[A-Za-z0-9\u0391-\u03a9\u03b1-\u03c9\u0400-\u04ff]*[\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0300-'
      '\u036f\u1e00-\u1eff\u0386\u0388-\u0390\u03aa-\u03b0\u03ca-\u03ce\u1f00-\u1fff\u0401\u0451][A-Za-z0-9'
      '\u0391-\u03a9\u03b1-\u03c9\u0400-\u04ff\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0300-\u036f\u1e00-'
      '\u1eff\u0386\u0388-\u0390\u03aa-\u03b0\u03ca-\u03ce\u1f00-\u1fff\u0401\u0451]*',
      'g') as accented (word)
  );
  plain text collate "C";
begin
  -- Two Cyrillic letters with a breve are letters of their own.
  plain := normalize(
    regexp_replace(normalize(words, nfd), '(?<![\u0418\u0423\u0438\u0443])[\u0300-\u036f]+', '', 'g'),
    nfc);
  plain := translate(plain, u&'\0110\0111\0126\0127\0131\0141\0142\00d8\00f8\0166\0167\00d0\00f0', 'DdHhiLlOoTtDd');
  plain := replace(plain, u&'\00df', 'ss');
  plain := replace(plain, u&'\1e9e', 'SS');
  plain := replace(plain, u&'\00c6', 'AE');
  plain := replace(plain, u&'\00e6', 'ae');
  plain := replace(plain, u&'\0152', 'OE');
  plain := replace(plain, u&'\0153', 'oe');
  plain := replace(plain, u&'\00de', 'TH');
  plain := replace(plain, u&'\00fe', 'th');
  -- The parser would take the beginning of a word like 1e5x for a number, so it gets another letter before it.
  return coalesce(regexp_replace(plain, '(^| )(?=[0-9]+[Ee][0-9])', '\1n', 'g'), '');
end
$$;
