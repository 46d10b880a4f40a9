-- searchable: a folded text as PostgreSQL's text search parser gets it.
--
-- The parser keeps os.path.getUserById as one token, and then only that very name would find it. So compound names are
-- split into their parts. At the end of the text each name is repeated as one word, so that the whole name is found
-- too. 'os.path.getUserById' becomes 'os path get User By Id getUserById ospathgetUserById'. Names with marks get
-- a word of their own: 'C++' adds 'Cplusplus', '.NET' adds 'dotNET', and 'AT&T' adds 'ATT'.
--
-- No character class depends on the locale. In Python, textsearch/searchable.py does exactly the same.
--
-- text  text  folded, without the letters that letter_terms() takes
--
-- returns text
-- called by: text_terms
-- inlined: no. It sets plan_cache_mode for itself, so PostgreSQL 18 keeps its plan for the session. Without that, a
--   session that plans every statement anew would make a plan for each text.
-- stored data: version 2
create or replace function searchable(text text) returns text
language sql immutable strict parallel safe
set plan_cache_mode = force_generic_plan
begin atomic
  select concat(
    -- A dot separates words if a letter and something more follow. So 'e.g.', 'U.S' and '3.11' stay whole.
    regexp_replace(seamed, '[-!-,/:-@\[-`{-~]+|\.(?=[A-Za-z][A-Za-z0-9_])', ' ', 'g'),
    -- The parser would take the beginning of a name like 1e5x for a number, so it gets another letter before it.
    (select string_agg(
       case when ascii(name[1]) > 57 then ' ' || translate(name[1], '_', '')
         else regexp_replace(' ' || translate(name[1], '_', ''), '(^| )(?=[0-9]+[Ee][0-9])', '\1n') end,
       '')
     from regexp_matches(
       seamed,
       '[A-Za-z0-9\u0080-\U0010ffff]+(?:_+[A-Za-z0-9\u0080-\U0010ffff]+)+',
       'g') as names (name)),
    path_names(seamed),
    (select string_agg(' ' || replace(replace(replace(replace(
       name[1], '++', 'plusplus'), '#', 'sharp'), '.', 'dot'), '&', ''), '')
     from regexp_matches(
       text collate "C",
       '(?<![A-Za-z0-9\u00c0-\u1fff\u2c00-\u2dff\u3040-\U0003ffff])(?:[A-Za-z][A-Za-z0-9]*'
         '(?:\+\+(?![A-Za-z+])|#(?![A-Za-z0-9\u00c0-\u1fff\u2c00-\u2dff\u3040-\U0003ffff#]))'
         '|[A-Za-z]{1,3}&[A-Za-z]{1,3}(?![A-Za-z0-9\u00c0-\u1fff\u2c00-\u2dff\u3040-\U0003ffff;=]))'
         '|(?<![^ \t\n\v\f\r(\[,])\.[A-Za-z][A-Za-z0-9]*(?![A-Za-z0-9\u00c0-\u1fff\u2c00-\u2dff\u3040-\U0003ffff(])',
       'g') as marked (name)))
  from (
    -- The parts of a name begin at a capital or a digit, or after a digit: getUserById, HTTPServer, userIDs, sha256,
    -- list2string. A single letter after a longer part and a dot is a part too: self.x.
    select regexp_replace(text collate "C",
      '([A-Za-z0-9][A-Za-z0-9]\.(?=[A-Za-z](?![A-Za-z0-9_]))'
        '|[a-z](?=[A-Z])|[A-Z](?=[A-Z](?!s(?![a-z]))[a-z])|(?<=[A-Z])[A-Z](?=s(?![a-z]))'
        '|[A-Za-z](?=[0-9])|[0-9](?=[A-Za-z][A-Za-z]))', '\1_', 'g')
    offset 0  -- without this, it is done again for each use
  ) as seams (seamed);
end;
