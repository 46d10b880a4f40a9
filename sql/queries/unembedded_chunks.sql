-- unembedded_chunks: chunks that have no vector of the second generation yet, in id order.
--
-- $1  after      text  the last id of the page before; '' for the first page
-- $2  page_size  int4
--
-- returns many: chunk_id text, text text, digest text
--
-- digest stands for the text.
--
-- psql: \bind '' 10
--       \i sql/queries/unembedded_chunks.sql
select chunk_id, text, md5(text) as digest
from chunks
where chunk_id > $1::text and other_embedding is null
order by chunk_id
limit $2::int4;
