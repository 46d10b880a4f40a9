-- vector_index: the folder of a collection's vector index, the number of the log up to which its files go, and whether
-- this library has made the collection.
--
-- ?1  collection  text  its name
--
-- returns many: folder text, number integer, is_ours integer
--
-- number is null if Chroma has not written the files yet.
select s.id as folder, m.seq_id as number,
  exists (select 1 from collection_metadata f where f.collection_id = c.id and f.key = 'agent_brain:format') as is_ours
from collections c
join segments s on s.collection = c.id
left join max_seq_id m on m.segment_id = s.id
where c.name = ?1 and s.scope = 'VECTOR';
