-- All chunks of a collection, each with the number of the log entry that wrote it last, in Chroma's own database (SQLite).
-- ?1 is the collection's id.
select embedding_id, seq_id
from embeddings
where segment_id = (select id from segments where collection = ?1 and scope = 'METADATA')
order by embedding_id
