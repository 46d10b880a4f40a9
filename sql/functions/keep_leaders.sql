-- keep_leaders: gives copies another leader after a write has taken theirs.
--
-- The vector index has one chunk of each vector, the leader. If it is deleted, or gets another vector, one of its copies
-- takes its place. Without equal vectors there is nothing to do.
--
-- A writer of a copy locks its leader. So a statement that deletes the leader waits for that writer, and each statement
-- in here sees what was committed meanwhile. Any chunk with the vector can lead, so this takes one that nobody has locked.
--
-- returns trigger
-- called by: the triggers of chunks (0005_copies.sql)
-- inlined: no
create or replace function keep_leaders() returns trigger
language plpgsql
set plan_cache_mode = force_generic_plan
set search_path from current
as $$
declare
  digests int8[];
  digest  int8;
  leader  text;
begin
  if tg_op = 'DELETE' then
    digests := array(select distinct vector_digest(embedding::vector) from old_rows where has_copies);
  else
    digests := array(
      select distinct vector_digest((case when o.has_copies then o.embedding else n.embedding end)::vector)
      from old_rows o
      join new_rows n using (chunk_id)
      -- upsert_chunks.sql gives every copy a leader. An older library that is still running does not.
      where (o.has_copies or n.is_copy)
        and vector_digest(o.embedding::vector) <> vector_digest(n.embedding::vector)
    );
  end if;
  foreach digest in array digests loop
    loop
      select c.chunk_id into leader
      from chunks c
      where vector_digest(c.embedding::vector) = digest
      order by c.is_copy::int4
      limit 1
      for no key update skip locked;
      exit when found;
      -- Nobody has this vector any more, or others are writing all that do. Then it waits for one of them.
      select c.chunk_id into leader
      from chunks c
      where vector_digest(c.embedding::vector) = digest
      limit 1
      for no key update;
      exit when found or not exists (select from chunks c where vector_digest(c.embedding::vector) = digest);
    end loop;
    update chunks set is_copy = false, has_copies = true where chunk_id = leader;
  end loop;
  return null;
end
$$;
