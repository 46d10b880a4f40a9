-- verify_chunks: a page of chunks in id order, and whether their terms are others than would be derived today.
--
-- $1  after      text  the last id of the page before; '' for the first page
-- $2  page_size  int4
--
-- returns many: chunk_id text, text text, metadata jsonb, embedding vector, outdated bool
--
-- psql: \bind '' 10
--       \i sql/queries/verify_chunks.sql
select
  c.chunk_id,
  c.text,
  c.metadata,
  c.embedding::vector as embedding,
  (c.tsv, c.tokens) is distinct from (d.tsv, d.tokens) as outdated
from (
  select chunk_id, text, metadata, tsv, tokens, embedding
  from chunks
  where chunk_id > $1::text
  order by chunk_id
  limit $2::int4
) c,
with_impacts(chunk_terms(c.text, c.metadata)) d
order by c.chunk_id;
