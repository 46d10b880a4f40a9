-- vector_search: the chunks nearest to a vector, best first.
--
-- $1  query_embedding  vector
-- $2  top_k            int4
-- $3  filter           text  a jsonpath; '' matches every chunk
-- $4  source_prefix    text  what metadata.source begins with, where the filter implies it; '' otherwise
--
-- returns many: chunk_id text, text text, metadata jsonb, score float8, complete bool
--
-- complete is false if the vector index gave up too early. Then ask again in a transaction, after use_exact_scan.sql.
--
-- psql: \bind '[0,0,1]' 5 '' ''
--       \i sql/queries/vector_search.sql
--       The vector must have as many dimensions as the store. To take one from a chunk, run
--       select embedding as asked from chunks limit 1 \gset
--       and write :asked in place of the vector.
select c.chunk_id, c.text, c.metadata, similarity(f.distance) as score, e.complete
from (select *, count(*) over () as rows from nearest($1::vector, $2::int4, $3::text, $4::text)) f
join chunks c using (chunk_id)
cross join is_complete(f.rows, $2::int4, $3::text, $4::text) e
order by f.distance, c.chunk_id;
