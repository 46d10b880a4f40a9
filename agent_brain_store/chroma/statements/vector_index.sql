-- vector_index: the folder of a collection's vector index, and the number of the log up to which its files go.
--
-- ?1  collection  text  its name
--
-- returns many: folder text, number integer
--
-- number is null if Chroma has not written the files yet.
select s.id as folder, m.seq_id as number
from collections c
join segments s on s.collection = c.id
left join max_seq_id m on m.segment_id = s.id
where c.name = ?1 and s.scope = 'VECTOR';
