-- keyword_search: the chunks that contain any word of a question, ranked by BM25, best first.
--
-- The parameters of the ranking are settings of the session. sql/functions/ranking_settings.sql lists them.
--
-- $1  query          text  a question in plain words
-- $2  top_k          int4
-- $3  filter         text  a jsonpath; '' matches every chunk
-- $4  source_prefix  text  what metadata.source begins with, where the filter implies it; '' otherwise
--
-- returns many: chunk_id text, text text, metadata jsonb, score float8, is_widened bool
--
-- is_widened is true if the budget became larger, as keyword_ranking() says.
--
-- psql: \bind 'how do I load chunks' 5 '' ''
--       \i sql/queries/keyword_search.sql
select chunk_id, text, metadata, score, is_widened
from keyword_results($1::text, $2::int4, $3::text, $4::text);
