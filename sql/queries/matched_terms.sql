-- matched_terms: the words of a question that each of the given chunks contains, in any form. They explain a hit.
--
-- $1  query  text    a question in plain words
-- $2  ids    text[]  of the chunks
--
-- returns many: chunk_id text, words text[]
--
-- psql: \bind 'how do I load chunks' '{a,b}'
--       \i sql/queries/matched_terms.sql
select c.chunk_id, matched_words(q.words, q.forms, c.tsv) as words
from question_words($1::text) q
join chunks c on c.chunk_id = any($2::text[]);
