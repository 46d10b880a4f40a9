-- stemmer_fingerprint: a number that changes when the server turns words into other terms than before.
--
-- returns one: fingerprint int4
--
-- psql: \i sql/queries/stemmer_fingerprint.sql
select stemmer_fingerprint() as fingerprint;
