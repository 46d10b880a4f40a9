-- hybrid_rrf: the vector and the keyword ranking fused by their ranks: weighted Reciprocal Rank Fusion.
--
-- keyword_hits below candidates does not mean that no more hold a word: ask again with ten times the budget, or with 0 or -1:
-- possible_matches.sql tells which.
--
-- $1  query            text
-- $2  query_embedding  vector
-- $3  top_k            int4
-- $4  vector_weight    float8  0 leaves the ranking out
-- $5  keyword_weight   float8  0 leaves the ranking out
-- $6  rrf_k            int4    60 is usual
-- $7  candidates       int4    taken from each ranking
-- $8  filter           text    a jsonpath; '' matches every chunk
-- $9  source_prefix    text    what metadata.source begins with, where the filter implies it; '' otherwise
-- $10  budget          int4    how many chunks the keyword side scores, about; 0 scores every match, -1 too, found by the filter
-- $11  k1              float8
-- $12  b               float8
-- $13  heading_weight  float8
-- $14  summary_weight  float8
-- $15  explain         bool    fill matched_terms
--
-- returns many: chunk_id text, text text, metadata jsonb, score float8, matched_terms text[], vector_rank int4,
--   keyword_rank int4, vector_score float8, keyword_score float8, complete bool, keyword_hits int8
--
-- complete is false where the vector index gave up too early: ask again in a transaction, after use_exact_scan.sql.
--
-- psql: \bind 'how do I load chunks' '[0,0,1]' 5 0.5 0.5 60 50 '' '' 750 1.2 0.75 3 2 true
--       \i sql/queries/hybrid_rrf.sql
--       The vector needs the store's dimensions: select embedding as asked from chunks limit 1 \gset, then :asked.
with by_vector as materialized (
  select
    chunk_id,
    similarity(distance) as score,
    row_number() over (order by distance, chunk_id collate "C")::int4 as rank
  from nearest($2::vector, $7::int4, $8::text, $9::text)
  where $4::float8 > 0
),
enough as (
  select $4::float8 = 0 or complete as complete
  from (select count(*) from by_vector) f (rows), is_complete(f.rows, $7::int4, $8::text, $9::text)
),
by_keyword as materialized (
  select chunk_id, score, row_number() over (order by score desc, chunk_id collate "C")::int4 as rank
  from bm25($1::text, $8::text, $9::text, $10::int4, '{}', $11::float8, $12::float8, $13::float8, $14::float8)
  where $5::float8 > 0
  order by score desc, chunk_id collate "C"
  limit $7::int4
),
fused as materialized (
  -- Divided by the largest possible sum: first in both.
  select
    chunk_id,
    (coalesce($4::float8 / ($6::int4 + v.rank), 0) + coalesce($5::float8 / ($6::int4 + k.rank), 0))
      * ($6::int4 + 1) / ($4::float8 + $5::float8) as score,
    v.rank as vector_rank,
    k.rank as keyword_rank,
    v.score as vector_score,
    k.score / max(k.score) over () as keyword_score
  from by_vector v
  full join by_keyword k using (chunk_id)
  order by score desc, chunk_id collate "C"
  limit $3::int4
)
select
  c.chunk_id,
  c.content as text,
  c.metadata,
  f.score,
  matched_terms(q.words, q.forms, c.tsv) as matched_terms,
  f.vector_rank,
  f.keyword_rank,
  f.vector_score,
  f.keyword_score,
  e.complete,
  (select count(*) from by_keyword) as keyword_hits
from fused f
join chunks c using (chunk_id)
cross join enough e
left join question_words($1::text) q on $15::bool
order by f.score desc, c.chunk_id;
