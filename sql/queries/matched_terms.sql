-- matched_terms: the words of a question that each of the given chunks contains, in any form. They explain a hit.
--
-- $1  query  text    a question in plain words
-- $2  ids    text[]  of the chunks
--
-- returns many: chunk_id text, words text[]
--
-- psql: \bind 'how do I load chunks' '{a,b}'
--       \i sql/queries/matched_terms.sql
with question as materialized (
  -- The shards of a cluster have no term statistics. A step that reads a table of the coordinator is not sent to them.
  select q.words, q.forms from store_settings cross join question_words($1::text) q
)
select c.chunk_id, matched_words(q.words, q.forms, c.tsv) as words
from question q
join chunks c on c.chunk_id = any($2::text[]);
