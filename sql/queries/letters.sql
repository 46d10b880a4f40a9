-- letters: whether this database knows letters beyond ASCII, which keyword search needs.
--
-- returns one: encoding text, ctype text, knows_letters bool
--
-- psql: \i sql/queries/letters.sql
select
  getdatabaseencoding()::text as encoding,
  d.datctype::text as ctype,
  -- The text has A and a with two dots and e with an accent, separated by dashes. The first two are one word, once in
  -- capital and once in small letters, so there must be two words.
  case when getdatabaseencoding() = 'UTF8' then
    length(to_tsvector('pg_catalog.simple', convert_from('\xc384e28094c3a4e28094c3a9', 'UTF8'))) = 2
  else false end as knows_letters
from pg_database d
where d.datname = current_database();
