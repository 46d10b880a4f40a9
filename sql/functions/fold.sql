-- fold: a text in which different spellings of a word are the same word.
--
-- The text is in NFKC. It has no terminal colours and nothing that is not seen, such as soft hyphens. Hebrew, Arabic and
-- others have one form of each letter: see fold_scripts(). So has the Greek sigma. A word that is broken at the end of
-- a line is repeated at the end of the text, in one piece. The stored text stays as it was given.
--
-- Most texts need none of this, so each step looks first whether there is something to do. No character class depends
-- on the locale. In Python, textsearch/folding.py does exactly the same.
--
-- text  text
--
-- returns text
-- called by: text_terms, prefix_terms, verbatim_pattern, word_form
-- inlined: no. It keeps its plans for the session, as searchable() does.
-- stored data: version 2
create or replace function fold(text text) returns text
language plpgsql immutable strict parallel safe
set plan_cache_mode = force_generic_plan
as $$
declare
  folded text collate "C" := text;
begin
  if strpos(folded, e'\x1b') > 0 then
    folded := regexp_replace(folded, '\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)', '', 'g');
  end if;
  if octet_length(folded) > length(folded) and folded ~
    '[^\u0001-\u001a\u001c-\u00a7\u00a9\u00ab\u00ac\u00ae\u00b0\u00b1\u00b6\u00b7\u00bb\u00bf-\u0131'
    '\u0134-\u013e\u0141-\u0148\u014a-\u017e\u0180-\u01c3\u01cd-\u01f0\u01f4-\u02af\u0388-\u038a\u038e-'
    '\u03ce\u0400-\u0481\u048a-\u052f\u1e00-\u1e99\u1ea0-\u1eff\u2012-\u2016\u2018-\u2023\u2026\u2030'
    '\u2039\u203a\u20ac\u2190-\u21ff\u2200-\u222b\u2500-\u2775\u2794-\u27bf\u3001-\u3007\u3041-\u3096'
    '\u30a1-\u30fa\u30fc-\u30fe\u4e00-\u9fff\uac00-\ud7a3]'
  then
    -- A soft hyphen that the end of a line shows is a hyphen. So is the mark of Persian between the parts of a word that
    -- do not join. Some people write nothing there, and some a blank.
    if strpos(folded, u&'\00ad') > 0 or strpos(folded, u&'\200c') > 0 then
      folded := regexp_replace(folded, '\u00ad(?=\r?\n)|(?<=[\u0620-\u06ff])\u200c(?=[\u0620-\u06ff])', '-', 'g');
    end if;
    -- Nor does a text of Hebrew, Arabic or Devanagari need NFKC. It would only put together what is folded anyway, and put
    -- points into an order, which are removed. The last letters here, with a point, become letters that are not folded.
    if folded ~
      '[^\u0001-\u001a\u001c-\u009f\u00a1-\u00a7\u00a9\u00ab\u00ac\u00ae\u00b0\u00b1\u00b6\u00b7\u00bb\u00bf-\u0131'
      '\u0134-\u013e\u0141-\u0148\u014a-\u017e\u0180-\u01c3\u01cd-\u01f0\u01f4-\u02af\u0388-\u038a\u038e-\u03ce'
      '\u0400-\u0481\u048a-\u052f\u0591-\u05c7\u05d0-\u05ea\u05f3\u05f4\u060c\u0610-\u061b\u061f-\u0674\u0679-\u06ff'
      '\u0900-\u0950\u0960-\u097f\u1e00-\u1e99\u1ea0-\u1eff\u2012-\u2016\u2018-\u2023\u2030\u2039\u203a\u20ac'
      '\u2190-\u21ff\u2200-\u222b\u2500-\u2775\u2794-\u27bf\u3001-\u3007\u3041-\u3096\u30a1-\u30fa\u30fc-\u30fe'
      '\u4e00-\u9fff\uac00-\ud7a3]|[\u06d2\u06d5][\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u093c\u094d]'
      '|[\u0928\u0930\u0933\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u093c\u094d]\u093c'
    then
      folded := regexp_replace(folded,
        '[\u00ad\u034f\u061c\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff'
        '\U0001f3fb-\U0001f3ff\U000e0000-\U000e0fff]+', '', 'g');
      -- Superscripts, fractions, trade marks and circled numbers are no part of the word before.
      folded := regexp_replace(folded,
        '[\u00b2\u00b3\u00b9\u00bc-\u00be\u2070\u2074-\u2079\u2120\u2122\u2150-\u215f\u2189\u2460-\u24b5'
        '\u24ea-\u24ff]+', ' \& ', 'g');
      folded := replace(normalize(folded, nfkc), u&'\2010', '-');
    end if;
    if folded ~ '[\u0590-\u06ff\u0900-\u0fff\u1040-\u1049\u17e0-\u17e9\u1810-\u1819]' then
      folded := fold_scripts(folded);
    end if;
  end if;
  if strpos(folded, u&'\03c2') > 0 then
    folded := replace(folded, u&'\03c2', u&'\03c3');  -- the Greek sigma at the end of a word
  end if;
  if strpos(folded, e'-\n') > 0 or strpos(folded, e'-\r\n') > 0 then
    folded := concat(folded, (
      select string_agg(' ' || halves[1] || halves[2], '')
      from regexp_matches(
        folded,
        '(?<![A-Za-z0-9\u00c0-\u1fff\u2c00-\u2dff\u3040-\U0003ffff])([A-Za-z0-9\u00c0-\u1fff\u2c00-\u2dff'
        '\u3040-\U0003ffff]+)-\r?\n[ \t]*([A-Za-z0-9\u00c0-\u1fff\u2c00-\u2dff\u3040-\U0003ffff]+)',
        'g') as broken (halves)
    ));
  end if;
  return folded;
end
$$;
