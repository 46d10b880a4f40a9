-- keyword_plan: the chunks that a question brings in and their scores. Explain it to see inside keyword_ranking().
--
-- $1  query          text  a question in plain words
-- $2  top_k          int4
-- $3  filter         text  a jsonpath; '' matches every chunk
-- $4  source_prefix  text  what metadata.source begins with, where the filter implies it; '' otherwise
-- $5  budget         int4  storage.keyword.budget; 0 scores every match
--
-- psql: \bind 'how do I load chunks' 5 '' '' 400
--       \i sql/inspect/keyword_plan.sql
select chunk_id, score
from bm25($1::text, nullif($3::text, '')::jsonpath, $4::text, $5::int4, null)
order by score desc, chunk_id collate "C"
limit $2::int4;
