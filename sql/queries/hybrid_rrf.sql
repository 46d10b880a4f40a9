-- hybrid_rrf: vector and keyword ranking fused by weighted Reciprocal Rank Fusion.
--
-- $1  query            text
-- $2  query_embedding  vector
-- $3  top_k            int4
-- $4  vector_weight    float8
-- $5  keyword_weight   float8
-- $6  rrf_k            int4   60 is usual
-- $7  candidates       int4   taken from each ranking
-- $8  filter           text   a jsonpath; '' matches every chunk
-- $9  source_prefix    text   what metadata.source begins with, where the filter implies it; '' otherwise
-- $10  budget          int4   keyword candidates that are ranked; 0 ranks every match
-- $11  k1              float8
-- $12  b               float8
-- $13  heading_weight  float8
-- $14  summary_weight  float8
-- $15  explain         bool   fill matched_terms
--
-- returns many: chunk_id text, text text, metadata jsonb, score float8, matched_terms text[], vector_rank int4,
--   keyword_rank int4, vector_score float8, keyword_score float8
with question as (
  select string_agg(quote_literal(replace(lexeme, '\', '\\')), ' | ')::tsquery as any_word,
    $10::int4 + $11::float8 + $12::float8 + $13::float8 + $14::float8 as unused
  from unnest(to_tsvector(search_config(), searchable($1::text)))
),
nearest as (
  select chunk_id, distance(embedding, $2::vector) as distance
  from chunks
  where (nullif($8, '')::jsonpath is null or metadata @@ nullif($8, '')::jsonpath)
    and ($9::text = '' or left(metadata ->> 'source', 512) collate "C" ^@ left($9::text, 512))
  order by distance(embedding, $2::vector), chunk_id
  limit $7::int4
),
by_vector as (
  select chunk_id, similarity(distance) as score, row_number() over (order by distance, chunk_id)::int4 as rank from nearest
),
matching as (
  select chunk_id, ts_rank(tsv, q.any_word, 1)::float8 as rank
  from chunks, question q
  where tsv @@ q.any_word
    and (nullif($8, '')::jsonpath is null or metadata @@ nullif($8, '')::jsonpath)
    and ($9::text = '' or left(metadata ->> 'source', 512) collate "C" ^@ left($9::text, 512))
  order by rank desc, chunk_id
  limit $7::int4
),
by_keyword as (
  select chunk_id, rank / max(rank) over () as score, row_number() over (order by rank desc, chunk_id)::int4 as rank from matching
),
fused as (
  select chunk_id,
    (coalesce($4::float8 / ($6::int4 + v.rank), 0) + coalesce($5::float8 / ($6::int4 + k.rank), 0)) * ($6::int4 + 1) / ($4::float8 + $5::float8) as score,
    v.rank as vector_rank, k.rank as keyword_rank, v.score as vector_score, k.score as keyword_score
  from by_vector v full join by_keyword k using (chunk_id)
  order by score desc, chunk_id
  limit $3::int4
)
select c.chunk_id, c.content as text, c.metadata, f.score, case when $15::bool then '{}'::text[] end as matched_terms,
  f.vector_rank, f.keyword_rank, f.vector_score, f.keyword_score
from fused f
join chunks c using (chunk_id)
order by f.score desc, c.chunk_id;
