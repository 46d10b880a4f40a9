-- vector_digest: a number that equal vectors share, to the bit.
--
-- The planner replaces a call by its body. So the indexes chunks_vector_btree and chunks_copies_btree serve a comparison
-- of digests. They are over this very body, so a change of it takes a migration.
--
-- Other vectors have other numbers, but for a chance of one in 2^64.
--
-- embedding  vector
--
-- returns int8
-- called by: upsert_chunks.sql, mark_copies.sql, place_chunks, keep_leaders, copies, has_many_equals
-- inlined: yes
create or replace function vector_digest(embedding vector) returns int8
language sql immutable parallel safe
return hash_array_extended(array[vector_send(embedding)], 0);
