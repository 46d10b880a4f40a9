-- question_matches: at most how many chunks hold a word of a question, as the lexemes were counted last.
--
-- A budget of that many leaves none of them out: bm25() takes every lexeme for a rare one.
--
-- $1  query  text  a question in plain words
--
-- returns one: chunks int8
--
-- psql: \bind 'how do I load chunks'
--       \i sql/queries/question_matches.sql
select coalesce(sum(greatest(df, 1)), 0)::int8 as chunks
from unnest(to_tsvector(search_config(), searchable($1::text))) as word
left join lexemes using (lexeme);
