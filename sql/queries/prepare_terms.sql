-- prepare_terms: the terms of chunks that upsert_chunks.sql is going to store, in their order, each as text.
--
-- $1  texts      text[]
-- $2  metadatas  jsonb[]
--
-- returns one: terms text[]
--
-- psql: \bind '{one,two}' '{"{}","{\\"n\\": 1}"}'
--       \i sql/queries/prepare_terms.sql
select array_agg(chunk_terms(text, metadata)::text order by place) as terms
from unnest($1::text[], $2::jsonb[]) with ordinality as g (text, metadata, place);
