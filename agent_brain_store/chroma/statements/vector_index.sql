-- vector_index: the folder of a collection's vector index, and whether Chroma has written vectors into it.
--
-- ?1  collection  text  its name
--
-- returns many: folder text, has_vectors integer
select s.id as folder, m.seq_id is not null as has_vectors
from collections c
join segments s on s.collection = c.id
left join max_seq_id m on m.segment_id = s.id
where c.name = ?1 and s.scope = 'VECTOR';
