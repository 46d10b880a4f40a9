-- upsert_chunks: store chunks, and replace those that exist. A chunk that is stored exactly as given is left alone.
--
-- A chunk with another text loses its vector of the second generation, which unembedded_chunks.sql then finds.
--
-- $1  ids         text[]    distinct
-- $2  texts       text[]
-- $3  metadatas   jsonb[]
-- $4  embeddings  vector[]
-- $5  terms       text[]    what prepare_terms.sql returned for these chunks; '{}' to prepare them here
--
-- returns one: written int8, dimensions int4, distance text, language text, generation int4
--
-- psql: \bind '{a,b}' '{one,two}' '{"{}","{\\"n\\": 1}"}' '{"[1,0,0]","[0,1,0]"}' '{}'
--       \i sql/queries/upsert_chunks.sql
with changed as materialized (
  select
    g.chunk_id,
    g.text,
    g.metadata,
    g.embedding,
    coalesce(g.terms::tsvector, chunk_terms(g.text, g.metadata)) as terms,
    vector_digest(as_stored(g.embedding)) as digest,
    coalesce(not c.is_copy and c.embedding::vector = as_stored(g.embedding), false) as leads
  from unnest($1::text[], $2::text[], $3::jsonb[], $4::vector[], $5::text[])
    as g (chunk_id, text, metadata, embedding, terms)
  left join chunks c using (chunk_id)
  where c.chunk_id is null
    or not is_stored(c.text, c.metadata, c.embedding, g.text, g.metadata, g.embedding)
  offset 0  -- so the rows are picked before the text search parser has any work
),
placed as materialized (
  select p.chunk_id, p.is_copy, p.has_copies
  from (select array_agg(chunk_id) as ids, array_agg(digest) as digests, array_agg(leads) as leads from changed) batch
  cross join place_chunks(batch.ids, batch.digests, batch.leads) p
),
written as (
  insert into chunks as c (chunk_id, text, metadata, tsv, tokens, embedding, is_copy, has_copies)
  select chunk_id, text, metadata, tsv, tokens, embedding, is_copy, has_copies
  from changed
  join placed using (chunk_id), with_impacts(terms)
  order by chunk_id collate "C"  -- all writers lock rows in this order, so they cannot deadlock
  on conflict (chunk_id) do update
  set text = excluded.text,
      metadata = excluded.metadata,
      tsv = excluded.tsv,
      tokens = excluded.tokens,
      embedding = excluded.embedding,
      other_embedding = case when c.text = excluded.text then c.other_embedding end,
      -- A chunk that keeps its vector keeps its place.
      is_copy = case
        when vector_digest(c.embedding::vector) = vector_digest(excluded.embedding::vector) then c.is_copy
        else excluded.is_copy
      end,
      has_copies = excluded.has_copies or (
        c.has_copies and vector_digest(c.embedding::vector) = vector_digest(excluded.embedding::vector)
      )
  -- This looks again, because others may have stored the same meanwhile.
  where (excluded.has_copies and not c.has_copies)
    or not is_stored(c.text, c.metadata, c.embedding, excluded.text, excluded.metadata, excluded.embedding::vector)
  returning 1
)
-- The settings show a caller whether the store is still the one that it has opened.
select (select count(*) from written) as written, dimensions, distance, language, generation
from store_settings;
