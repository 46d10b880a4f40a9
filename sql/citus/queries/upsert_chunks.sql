-- upsert_chunks: store chunks, and replace those that exist. A chunk that is stored exactly as given is left alone.
--
-- Each chunk travels once, to the node of its shard. The trigger chunks_derive makes its terms there. A chunk with another
-- text loses its vector of the second generation, which unembedded_chunks.sql then finds.
--
-- $1  ids         text[]    distinct
-- $2  texts       text[]
-- $3  metadatas   jsonb[]
-- $4  embeddings  vector[]
-- $5  terms       text[]    of no use here, because the trigger makes them
--
-- returns one: written int8, dimensions int4, distance text, language text, generation int4
--
-- psql: \bind '{a,b}' '{one,two}' '{"{}","{\\"n\\": 1}"}' '{"[1,0,0]","[0,1,0]"}' '{}'
--       \i sql/citus/queries/upsert_chunks.sql
with written as (
  insert into chunks as c (chunk_id, text, metadata, tsv, tokens, embedding)
  select chunk_id, text, metadata, '', -1, as_column(embedding)
  from unnest($1::text[], $2::text[], $3::jsonb[], $4::vector[], $5::text[])
    as g (chunk_id, text, metadata, embedding, terms)
  order by chunk_id collate "C"  -- all writers lock the rows of a shard in this order
  on conflict (chunk_id) do update
  set text = excluded.text,
      metadata = excluded.metadata,
      tsv = excluded.tsv,
      tokens = excluded.tokens,
      embedding = excluded.embedding,
      other_embedding = case when c.text = excluded.text then c.other_embedding end
  -- This looks again, because others may have stored the same meanwhile.
  where not is_stored(
    c.text, c.metadata, c.embedding, excluded.text, excluded.metadata, excluded.embedding::vector
  )
  returning 1
)
select (select count(*) from written) as written, dimensions, distance, language, generation
from store_settings;
