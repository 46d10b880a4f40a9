-- mark_copies: find out which chunks of one page are copies, in id order. Only what was marked otherwise is written.
--
-- Of several chunks with one vector the one with the smallest id leads (sql/functions/keep_leaders.sql).
--
-- $1  after      text  the last id of the page before; '' for the first page
-- $2  page_size  int4
--
-- returns one: last text, chunks int8, written int8
--
-- last is null after the last page.
--
-- psql: \bind '' 1000
--       \i sql/queries/mark_copies.sql
with page as materialized (
  -- The chunks are locked while they are read. So nobody gives them other vectors meanwhile. A chunk that somebody is
  -- writing stays what it is, which costs a place in the vector index at most.
  select chunk_id, is_copy, has_copies, vector_digest(embedding::vector) as digest
  from chunks
  where chunk_id > $1::text
  order by chunk_id
  limit $2::int4
  for no key update skip locked
),
equals as materialized (
  select
    vector_digest(c.embedding::vector) as digest,
    coalesce(min(c.chunk_id) filter (where not c.is_copy), min(c.chunk_id)) as leader,
    count(*) as chunks
  from chunks c
  where vector_digest(c.embedding::vector) = any(array(select digest from page))
  group by 1
),
placed as materialized (
  select p.chunk_id, p.chunk_id <> e.leader as is_copy, p.chunk_id = e.leader and e.chunks > 1 as has_copies
  from page p
  join equals e using (digest)
  union
  -- A leader may have come after its page was done.
  select leader, false, true from equals where chunks > 1
),
written as (
  update chunks
  set is_copy = p.is_copy, has_copies = p.has_copies
  from placed p
  where chunks.chunk_id = p.chunk_id
    and (chunks.is_copy, chunks.has_copies) is distinct from (p.is_copy, p.has_copies)
  returning 1
)
select
  (select chunk_id from page order by chunk_id desc limit 1) as last,
  (select count(*) from page) as chunks,
  (select count(*) from written) as written;
