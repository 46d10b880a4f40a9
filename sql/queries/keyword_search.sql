-- keyword_search: the chunks that contain any word of a question, ranked by BM25, best first.
--
-- Fewer than top_k rows do not mean that no more match: ask again with ten times the budget, or with 0 or -1:
-- possible_matches.sql tells which.
--
-- $1  query           text    a question in plain words
-- $2  top_k           int4
-- $3  filter          text    a jsonpath; '' matches every chunk
-- $4  source_prefix   text    what metadata.source begins with, where the filter implies it; '' otherwise
-- $5  budget          int4    how many chunks are scored, about; 0 scores every match, -1 too, found by the filter
-- $6  k1              float8  1.2 is usual
-- $7  b               float8  0.75 is usual
-- $8  heading_weight  float8  a word of a heading or name counts this often; at least 1
-- $9  summary_weight  float8  the same for a summary
-- $10  explain        bool    fill matched_terms
--
-- returns many: chunk_id text, text text, metadata jsonb, score float8, matched_terms text[]
--
-- psql: \bind 'how do I load chunks' 5 '' '' 750 1.2 0.75 3 2 true
--       \i sql/queries/keyword_search.sql
with best as materialized (
  select chunk_id, score
  from bm25_planned($1::text, $3::text, $4::text, $5::int4, $6::float8, $7::float8, $8::float8, $9::float8)
  order by score desc, chunk_id collate "C"
  limit $2::int4
)
-- Texts are fetched last, for the rows that are returned.
select
  c.chunk_id,
  c.content as text,
  c.metadata,
  b.score / max(b.score) over () as score,
  matched_terms(q.words, q.forms, c.tsv) as matched_terms
from best b
join chunks c using (chunk_id)
left join question_words($1::text) q on $10::bool
order by b.score desc, c.chunk_id;
