-- upsert_chunks: store chunks, and replace those that exist. A chunk that is stored exactly as given is left alone.
--
-- $1  ids         text[]    distinct
-- $2  texts       text[]
-- $3  metadatas   jsonb[]
-- $4  embeddings  vector[]
--
-- returns one: written int8, dimensions int4, distance text, language text
--
-- psql: \bind '{a,b}' '{one,two}' '{"{}","{\\"n\\": 1}"}' '{"[1,0,0]","[0,1,0]"}'
--       \i sql/queries/upsert_chunks.sql
with changed as (
  select g.*, chunk_terms(g.text, g.metadata) as terms
  from unnest($1::text[], $2::text[], $3::jsonb[], $4::vector[]) as g (chunk_id, text, metadata, embedding)
  left join chunks c using (chunk_id)
  where c.chunk_id is null
    or not is_stored(c.text, c.metadata, c.embedding, g.text, g.metadata, g.embedding)
  offset 0  -- so the rows are picked before the insert, and before the text search parser has any work
),
written as (
  insert into chunks as c (chunk_id, text, metadata, tsv, tokens, embedding)
  select chunk_id, text, metadata, tsv, tokens, embedding
  from changed, with_impacts(terms)
  order by chunk_id collate "C"  -- all writers lock rows in this order, so they cannot deadlock
  on conflict (chunk_id) do update
  set text = excluded.text,
      metadata = excluded.metadata,
      tsv = excluded.tsv,
      tokens = excluded.tokens,
      embedding = excluded.embedding
  -- This looks again, because others may have stored the same meanwhile.
  where not is_stored(
    c.text, c.metadata, c.embedding, excluded.text, excluded.metadata, excluded.embedding::vector
  )
  returning 1
)
-- The settings show a caller whether the store is still the one that it has opened.
select (select count(*) from written) as written, dimensions, distance, language
from store_settings;
