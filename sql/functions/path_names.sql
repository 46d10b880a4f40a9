-- path_names: the paths and dotted names of a folded text, each as one word.
--
-- 'see src/app/main.py' gives ' srcappmainpy', and 'os.path' gives ' ospath'. In Python, textsearch/searchable.py does
-- exactly the same.
--
-- text  text  folded, without the letters that letter_terms() takes
--
-- returns text
--   null if there are none
--
-- called by: searchable, word_form
-- inlined: no. It keeps its plan for the session, as searchable() does.
-- stored data: version 1
create or replace function path_names(text text) returns text
language sql immutable strict parallel safe
set plan_cache_mode = force_generic_plan
begin atomic
  select string_agg(' ' || translate(path[1], '-./:\_', ''), '')
  from regexp_matches(
    text collate "C",
    '[A-Za-z\u0080-\U0010ffff][A-Za-z0-9\u0080-\U0010ffff_-]*'
      '(?:(?:[/\\]+|::)[A-Za-z0-9\u0080-\U0010ffff_-]+|\.[A-Za-z\u0080-\U0010ffff][A-Za-z0-9\u0080-\U0010ffff_-]+)+',
    'g') as paths (path);
end;
