-- searchable: a text as PostgreSQL's text search parser gets it.
--
-- The parser keeps os.path.getUserById as one token, and then only that very name would find it. So compound names are
-- split into their parts. At the end of the text each name is repeated as one word, so that the whole name is found
-- too. 'os.path.getUserById' becomes 'os path get User By Id getUserById ospathgetUserById'.
--
-- No character class depends on the locale. In Python, textsearch/searchable.py does exactly the same.
--
-- text  text
--
-- returns text
-- called by: chunk_terms, question_words, question_names, plan_query, keyword_ranking
-- inlined: no. It sets plan_cache_mode for itself, so PostgreSQL 18 keeps its plan for the session. Without that, a
--   session that plans every statement anew would make a plan for each text.
-- stored data: version 1
create or replace function searchable(text text) returns text
language sql immutable strict parallel safe
set plan_cache_mode = force_generic_plan
begin atomic
  select concat(
    -- A dot separates words if a letter and something more follow. So 'e.g.', 'U.S' and '3.11' stay whole.
    regexp_replace(seamed, '[-!-,/:-@\[-`{-~]+|\.(?=[A-Za-z][A-Za-z0-9_])', ' ', 'g'),
    (select string_agg(' ' || translate(name[1], '_', ''), '')
     from regexp_matches(
       seamed,
       '[A-Za-z\u0080-\U0010ffff][A-Za-z0-9\u0080-\U0010ffff]*(?:_+[A-Za-z0-9\u0080-\U0010ffff]+)+',
       'g') as names(name)),
    (select string_agg(' ' || translate(path[1], '-./:\_', ''), '')
     from regexp_matches(
       seamed,
       '[A-Za-z\u0080-\U0010ffff][A-Za-z0-9\u0080-\U0010ffff_-]*'
         '(?:(?:[/\\]+|::)[A-Za-z0-9\u0080-\U0010ffff_-]+|\.[A-Za-z\u0080-\U0010ffff][A-Za-z0-9\u0080-\U0010ffff_-]+)+',
       'g') as paths(path)))
  from (
    -- The parts of a name begin at a capital or a digit, or after a digit: getUserById, HTTPServer, userIDs, sha256,
    -- list2string. A single letter after a longer part and a dot is a part too: self.x.
    select regexp_replace(text collate "C",
      '([A-Za-z0-9][A-Za-z0-9]\.(?=[A-Za-z](?![A-Za-z0-9_]))'
        '|[a-z](?=[A-Z])|[A-Z](?=[A-Z](?!s(?![a-z]))[a-z])|(?<=[A-Z])[A-Z](?=s(?![a-z]))'
        '|[A-Za-z](?=[0-9])|[0-9](?=[A-Za-z][A-Za-z]))', '\1_', 'g')
    offset 0  -- without this, it is done again for each use
  ) as seams(seamed);
end;
