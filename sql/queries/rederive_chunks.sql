-- rederive_chunks: derive the terms of one page of chunks anew, in id order. Only what differs is written.
--
-- $1  after      text  the last id of the page before; '' for the first page
-- $2  page_size  int4
--
-- returns one: last text, chunks int8, written int8
--
-- last is null after the last page.
--
-- psql: \bind '' 1000
--       \i sql/queries/rederive_chunks.sql
with page as materialized (
  -- The chunks are locked while they are read. So no terms of an older text can be written.
  select chunk_id, tsv, tokens, chunk_terms(text, metadata) as terms
  from chunks
  where chunk_id > $1::text
  order by chunk_id
  limit $2::int4
  for update
),
written as (
  update chunks
  set tsv = d.tsv, tokens = d.tokens
  from page p, with_impacts(p.terms) d
  where chunks.chunk_id = p.chunk_id and (p.tsv, p.tokens) is distinct from (d.tsv, d.tokens)
  returning 1
)
select
  (select chunk_id from page order by chunk_id desc limit 1) as last,
  (select count(*) from page) as chunks,
  (select count(*) from written) as written;
