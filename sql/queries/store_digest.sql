-- store_digest: the number of chunks, and a digest of all that is stored of them. It does not depend on their order.
--
-- returns one: chunks int8, digest text
--
-- psql: \i sql/queries/store_digest.sql
select
  count(*) as chunks,
  coalesce(sum(hashtextextended(
    concat_ws(' ', chunk_id, text, metadata::text, tsv::text, tokens::text, embedding::text), 0
  )::numeric), 0)::text as digest
from chunks;
