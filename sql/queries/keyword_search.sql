-- keyword_search: the chunks that contain any word of a question, best first.
--
-- $1  query           text   a question in plain words
-- $2  top_k           int4
-- $3  filter          text   a jsonpath; '' matches every chunk
-- $4  source_prefix   text   what metadata.source begins with, where the filter implies it; '' otherwise
-- $5  budget          int4   candidates that are ranked; 0 ranks every match
-- $6  k1              float8
-- $7  b               float8
-- $8  heading_weight  float8
-- $9  summary_weight  float8
-- $10  explain        bool   fill matched_terms
--
-- returns many: chunk_id text, text text, metadata jsonb, score float8, matched_terms text[]
--
-- psql: \bind 'how do I load chunks' 5 '' '' 300 1.2 0.75 2 1.5 true
--       \i sql/queries/keyword_search.sql
with question as (
  select string_agg(quote_literal(replace(lexeme, '\', '\\')), ' | ')::tsquery as any_word,
    $5::int4 + $6::float8 + $7::float8 + $8::float8 + $9::float8 as unused
  from unnest(to_tsvector(search_config(), searchable($1::text)))
),
ranked as (
  select chunk_id, ts_rank(tsv, q.any_word, 1)::float8 as rank
  from chunks, question q
  where tsv @@ q.any_word
    and (nullif($3, '')::jsonpath is null or metadata @@ nullif($3, '')::jsonpath)
    and ($4::text = '' or left(metadata ->> 'source', 512) collate "C" ^@ left($4::text, 512))
  order by rank desc, chunk_id
  limit $2::int4
)
select c.chunk_id, c.content as text, c.metadata, r.rank / max(r.rank) over () as score,
  case when $10::bool then '{}'::text[] end as matched_terms
from ranked r
join chunks c using (chunk_id)
order by score desc, c.chunk_id;
