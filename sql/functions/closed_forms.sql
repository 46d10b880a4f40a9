-- closed_forms: those names of a folded text that people write in one piece too, in one piece.
--
-- 'an e-mail' gives ' email', '978-3-16-148410-0' gives ' 9783161484100', '1,000,000' gives ' 1000000', and O'Reilly gives
-- ' OReilly'. In Python, textsearch/searchable.py does exactly the same.
--
-- text  text
--
-- returns text
--   null if there are none
--
-- called by: text_terms
-- inlined: no. It keeps its plan for the session, as searchable() does.
-- stored data: version 1
create or replace function closed_forms(text text) returns text
language sql immutable strict parallel safe
set plan_cache_mode = force_generic_plan
begin atomic
  select string_agg(
    case when ascii(name[1]) > 57 then ' ' || translate(name[1], u&'-,''\2019', '')
      -- A name like 1e5x gets another letter before it, as in searchable().
      else regexp_replace(' ' || translate(name[1], u&'-,''\2019', ''), '(^| )(?=[0-9]+[Ee][0-9])', '\1n') end,
    '')
  from regexp_matches(
    text collate "C",
    '(?<![A-Za-z0-9\u00c0-\u1fff\u2c00-\u2dff\u3040-\U0003ffff])(?:'
      '[A-Za-z0-9\u00c0-\u1fff\u2c00-\u2dff\u3040-\U0003ffff]+(?:-[A-Za-z0-9\u00c0-\u1fff\u2c00-\u2dff\u3040-\U0003ffff]+)+'
      '|[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])'
      '|[A-Z][''\u2019][A-Z][a-z]+)',
    'g') as closed (name);
end;
