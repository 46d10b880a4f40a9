-- get_chunks: chunks by id. Unknown ids are left out.
--
-- $1  ids  text[]
--
-- returns many: chunk_id text, text text, metadata jsonb
--
-- psql: \bind '{a,b}'
--       \i sql/queries/get_chunks.sql
select chunk_id, text, metadata
from chunks
where chunk_id = any($1::text[])
order by chunk_id;
