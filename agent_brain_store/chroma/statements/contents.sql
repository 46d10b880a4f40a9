-- Texts and metadata of chunks, in Chroma's own database (SQLite).
-- ?1 is the collection's id. ?2 is a JSON list of chunk ids.
select
  e.embedding_id,
  d.string_value as text,
  m.string_value as metadata
from embeddings e
left join embedding_metadata d on d.id = e.id and d.key = 'chroma:document'
left join embedding_metadata m on m.id = e.id and m.key = 'agent_brain:metadata'
where e.segment_id = (select id from segments where collection = ?1 and scope = 'METADATA')
  and e.embedding_id in (select value from json_each(?2))
