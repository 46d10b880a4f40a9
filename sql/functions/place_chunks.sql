-- place_chunks: which chunks of a batch lead their vectors, and which are copies (keep_leaders.sql).
--
-- Leaders outside of the batch are kept where they are until the transaction ends. A leader that somebody else is writing
-- does not count. Then the vector gets a second leader, which costs a place in the vector index and nothing else.
--
-- Nobody may wait while he keeps a leader in its place, or two writers could wait for each other. So the chunks of the
-- batch are locked first, and for a leader this never waits.
--
-- ids      text[]  of the batch
-- digests  int8[]  what vector_digest() returns for their vectors
-- leads    bool[]  true for a chunk that is stored with this vector already, and is no copy
--
-- returns many: chunk_id text, is_copy bool, has_copies bool
-- called by: upsert_chunks.sql
-- inlined: no. The session keeps its plans.
create or replace function place_chunks(ids text[], digests int8[], leads bool[])
returns table (chunk_id text, is_copy bool, has_copies bool)
language plpgsql rows 1000
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set search_path from current
as $$
#variable_conflict use_column
declare
  leaders text[];
  led     int8[];
  newly   int8[];
begin
  select array_agg(distinct l.chunk_id)
  into leaders
  from unnest(digests) given (digest)
  cross join lateral (
    select c.chunk_id
    from chunks c
    where vector_digest(c.embedding::vector) = given.digest and c.is_copy::int4 = 0 and c.chunk_id <> all(ids)
    limit 1
  ) l;
  if leaders is not null then
    perform from chunks c where c.chunk_id = any(ids) order by c.chunk_id for no key update;
    -- Whoever wants to delete one of these, or to give it another vector, waits. Others may lock it like this too.
    select array_agg(locked.digest)
    into led
    from (
      select vector_digest(c.embedding::vector) as digest
      from chunks c
      where c.chunk_id = any(leaders) and not c.is_copy and c.has_copies
      order by c.chunk_id
      for share skip locked
    ) locked;
    with first_copied as (
      select c.chunk_id
      from chunks c
      where c.chunk_id = any(leaders) and not c.is_copy and not c.has_copies
        and vector_digest(c.embedding::vector) = any(digests)
      order by c.chunk_id
      for no key update skip locked
    ),
    marked as (
      update chunks c
      set has_copies = true
      from first_copied f
      where c.chunk_id = f.chunk_id
      returning vector_digest(c.embedding::vector) as digest
    )
    select array_agg(digest) into newly from marked;
    led := led || newly;
  end if;
  return query
    select
      p.chunk_id,
      p.is_led or row_number() over same > 1,
      not p.is_led and row_number() over same = 1 and lead(p.chunk_id) over same is not null
    from (
      select given.chunk_id, given.digest, given.leads, coalesce(given.digest = any(led), false) as is_led
      from unnest(ids, digests, leads) given (chunk_id, digest, leads)
    ) p
    window same as (partition by p.digest order by p.leads desc, p.chunk_id collate "C");
end
$$;
