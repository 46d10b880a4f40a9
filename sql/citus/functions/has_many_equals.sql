-- has_many_equals: false, because on a cluster no chunk is a copy. So an index of all chunks is complete.
--
-- returns bool
-- called by: create_vector_index.sql
-- inlined: yes
create or replace function has_many_equals() returns bool
language sql stable
return false;
