-- hybrid_relative_score: vector and keyword search fused by their scores, each divided by the best of its kind.
--
-- Unlike ranks, scores keep how much better one chunk is than the next. Both are computed for every candidate of either side.
--
-- keyword_hits below candidates does not mean that no more hold a word: ask again with ten times the budget, or with 0 or -1:
-- possible_matches.sql tells which.
--
-- $1  query            text
-- $2  query_embedding  vector
-- $3  top_k            int4
-- $4  vector_weight    float8  0 leaves the search out
-- $5  keyword_weight   float8  0 leaves the search out
-- $6  candidates       int4    taken from each search
-- $7  filter           text    a jsonpath; '' matches every chunk
-- $8  source_prefix    text    what metadata.source begins with, where the filter implies it; '' otherwise
-- $9  budget           int4    how many chunks the keyword side scores, about; 0 scores every match, -1 too, found by the filter
-- $10  k1              float8
-- $11  b               float8
-- $12  heading_weight  float8
-- $13  summary_weight  float8
-- $14  explain         bool    fill matched_terms
--
-- returns many: chunk_id text, text text, metadata jsonb, score float8, matched_terms text[], vector_rank int4,
--   keyword_rank int4, vector_score float8, keyword_score float8, complete bool, keyword_hits int8
--
-- complete is false where the vector index gave up too early: ask again in a transaction, after use_exact_scan.sql.
--
-- psql: \bind 'how do I load chunks' '[0,0,1]' 5 0.5 0.5 50 '' '' 750 1.2 0.75 3 2 true
--       \i sql/queries/hybrid_relative_score.sql
--       The vector needs the store's dimensions: select embedding as asked from chunks limit 1 \gset, then :asked.
with by_vector as materialized (
  select
    chunk_id,
    similarity(distance) as score,
    row_number() over (order by distance, chunk_id collate "C")::int4 as rank
  from nearest($2::vector, $6::int4, $7::text, $8::text)
  where $4::float8 > 0
),
enough as (
  select $4::float8 = 0 or complete as complete
  from (select count(*) from by_vector) f (rows), is_complete(f.rows, $6::int4, $7::text, $8::text)
),
by_keyword as materialized (
  -- The candidates of the vector search are scored as well, though they may hold none of the words.
  select
    k.chunk_id,
    k.score,
    k.by_words,
    row_number() over (order by k.score desc, k.chunk_id collate "C")::int4 as rank
  from
    (select coalesce(array_agg(chunk_id), '{}') as ids from by_vector) also,
    bm25($1::text, $7::text, $8::text, $9::int4, also.ids, $10::float8, $11::float8, $12::float8, $13::float8) k
  where $5::float8 > 0
),
candidates as materialized (
  select
    chunk_id,
    v.rank as vector_rank,
    case when k.score > 0 and k.rank <= $6::int4 then k.rank end as keyword_rank,
    case
      when v.rank is not null then v.score
      when $4::float8 > 0 then
        (select similarity(distance(embedding, $2::vector)) from chunks c where c.chunk_id = k.chunk_id)
    end as vector_score,
    case when $5::float8 > 0 then coalesce(k.score, 0) end as keyword_score
  from by_vector v
  full join by_keyword k using (chunk_id)
  where v.rank is not null or (k.rank <= $6::int4 and k.score > 0)
),
fused as materialized (
  select
    chunk_id,
    (coalesce($4::float8 * vector_score / nullif(max(vector_score) over (), 0), 0)
      + coalesce($5::float8 * keyword_score / nullif(max(keyword_score) over (), 0), 0))
      / ($4::float8 + $5::float8) as score,
    vector_rank,
    keyword_rank,
    vector_score,
    coalesce(keyword_score / nullif(max(keyword_score) over (), 0), keyword_score) as keyword_score
  from candidates
  -- Similarities end at 0, the ranks don't.
  order by score desc, vector_rank, chunk_id collate "C"
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
  (select count(*) from by_keyword where by_words) as keyword_hits
from fused f
join chunks c using (chunk_id)
cross join enough e
left join question_words($1::text) q on $14::bool
order by f.score desc, f.vector_rank, c.chunk_id;
