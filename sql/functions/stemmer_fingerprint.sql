-- stemmer_fingerprint: a number that changes when the server turns words into other terms than before.
--
-- It is a hash of what the text search configuration of this store makes of some words. Versions of PostgreSQL differ in
-- them, and so can the locale of another machine. A store notes the number with its terms.
--
-- returns int4
-- called by: stemmer_fingerprint.sql
-- inlined: no
create or replace function stemmer_fingerprint() returns int4
language sql stable parallel safe
begin atomic
  select ('x' || left(md5(string_agg(to_tsvector(search_config(), word)::text, ' ' order by place)), 8))::bit(32)::int4
  from unnest(string_to_array(
    'added adding ebbed egged offing dying skies news generously internal international organization universal running '
    'exceed proceeding arsenal communication the and it who Regeln Lehrerin Lehrerinnen aepfel moewe queue systemen '
    'Häuser schönsten groß STRASSE été nationalité continuellement majestueuse où niñas corazones canción perché città '
    'nações coração barnen flickorna børnene hjälpen huset bøkene taloissa házakban şehirlerde orașului țară ş ţ '
    'бегущий компьютеры ёлка и книгама οδός ΟΔΟΣ εργαζόμενοι الكتابة والمكتبات हिन्दी किताबें நூல்கள் գրքերը liburuak '
    'llibres leabhair knygos buku kitob 中文 ภาษา e.g 3.11 é5.6 İstanbul ISPARTA ﬁ',
    ' ')) with ordinality as probes (word, place);
end;
