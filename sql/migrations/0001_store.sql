-- 0001_store: the schema, the chunks, and the functions that let one query file serve every configuration.
--
-- Settings that this file reads (both ways of running it are described in docs/sql.md):
--   agent_brain.schema       where everything lives
--   agent_brain.dimensions   length of the embeddings
--   agent_brain.distance     cosine, l2 or inner_product
--   agent_brain.language     a text search configuration

do $$
begin
  if to_regnamespace(quote_ident(current_setting('agent_brain.schema'))) is null then
    execute format('create schema %I', current_setting('agent_brain.schema'));
  end if;
  if not exists (select from pg_extension where extname = 'vector') then
    create extension vector schema public;
  end if;
  -- Everything below is created in the first schema of this path, and found without qualification.
  perform set_config(
    'search_path',
    format(
      '%I, %I, pg_temp',
      current_setting('agent_brain.schema'),
      (select n.nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'vector')
    ),
    true
  );
  if current_schema() is distinct from current_setting('agent_brain.schema') then
    raise insufficient_privilege
      using message = format('this role may not use the schema %I', current_setting('agent_brain.schema'));
  end if;
end
$$;

create table schema_version (
  version    int4 primary key,
  name       text not null,
  applied_at timestamptz not null default now()
);

insert into schema_version (version, name) values (1, 'store');

-- What the configuration decided when the store was made. One row; the start-up guard compares it.
create table store_settings (
  only_row   bool primary key default true check (only_row),
  dimensions int4 not null,
  distance   text not null check (distance in ('cosine', 'l2', 'inner_product')),
  language   text not null
);

insert into store_settings (dimensions, distance, language)
values (
  current_setting('agent_brain.dimensions')::int4,
  current_setting('agent_brain.distance'),
  current_setting('agent_brain.language')::regconfig::text
);

-- The model that made the vectors, once somebody has said so. One row.
create table embedding_profile (
  only_row   bool primary key default true check (only_row),
  provider   text not null,
  model      text not null,
  dimensions int4 not null
);

-- vector(n) up to 2000 dimensions, halfvec(n) up to 4000: the longest that an index can hold. Beyond, vector(n) without one.
do $$
declare
  dimensions  int4 := current_setting('agent_brain.dimensions')::int4;
  vector_type text := case when dimensions between 2001 and 4000 then 'halfvec' else 'vector' end;
begin
  execute format(
    'create table chunks (
       chunk_id  text collate "C" primary key,
       content   text not null,
       metadata  jsonb not null,
       tsv       tsvector not null,
       tokens    int4 not null,
       embedding %s(%s) not null
     )',
    vector_type, dimensions
  );
  -- Ranking reads many tsvectors: kept in the row, they cost one page instead of three.
  alter table chunks alter column tsv set storage main;

  -- is_stored(a chunk's columns, what is given) is whether the chunk is stored just so, to the bit: jsonb takes 1 and 1.0 for
  -- equal, and pgvector 0 and -0, which are not what was given. halfvec rounds what is given. The planner replaces the call by
  -- its body.
  execute format(
    'create function is_stored(content text, metadata jsonb, embedding %1$s, text text, given jsonb, vector vector) returns bool
     language sql immutable parallel safe
     return (content, metadata::text, vector_send(embedding::vector))
       is not distinct from (text, given::text, vector_send(vector::%1$s::vector))',
    vector_type
  );

  -- distance(a, b) is the configured distance. The planner replaces the call by its body, so that an index on the column
  -- serves "order by distance(embedding, $1)": one query file for every distance and both types.
  execute format(
    'create function distance(a %1$s, b %1$s) returns float8 language sql immutable parallel safe return a %2$s b',
    vector_type,
    case current_setting('agent_brain.distance') when 'cosine' then '<=>' when 'l2' then '<->' else '<#>' end
  );

  -- similarity(distance) is 0..1, higher is better. Inner products are unbounded, hence the softsign.
  execute format(
    'create function similarity(distance float8) returns float8 language sql immutable parallel safe return %s',
    case current_setting('agent_brain.distance')
      when 'cosine' then 'greatest(0, least(1, 1 - distance))'
      when 'l2' then '1 / (1 + distance)'
      else '(1 - distance / (1 + abs(distance))) / 2'
    end
  );
end
$$;

-- matches(metadata, filter, source_prefix) is whether a chunk passes a filter, a jsonpath; '' passes every chunk. source_prefix
-- is what metadata.source begins with where the filter implies it: a prefix, unlike a jsonpath, is served by a btree index.
-- The planner replaces this call by its body too, folds away what is '', and sees the indexes.
create function matches(metadata jsonb, filter text, source_prefix text) returns bool
language sql immutable parallel safe
return
  (nullif(filter, '')::jsonpath is null or metadata @@ nullif(filter, '')::jsonpath)
  and (source_prefix = '' or left(metadata ->> 'source', 512) collate "C" ^@ left(source_prefix, 512));

-- nearest(...) is the k chunks nearest to a vector, under a filter: the vector side of every search.
--
-- One stable select and nothing else: so the planner puts it in place of its call and sees the indexes. It does not where an
-- argument is a sub-select: write "from chunks c, nearest(c.embedding, ...)" instead.
create function nearest(query_embedding vector, k int4, filter text, source_prefix text)
returns table (chunk_id text, distance float8)
language sql stable parallel safe
begin atomic
  select chunk_id, distance
  from (
    -- One table, and an order by nothing but the distance: this is what the vector index can serve. Whatever else the
    -- plan finds as far away as the last one comes along, so that ids decide which of them are in.
    select chunk_id, distance(embedding, query_embedding) as distance
    from chunks
    where matches(metadata, filter, source_prefix)
    order by distance
    fetch first (k) rows with ties
  ) with_ties
  -- "+ 0": sort again, because an index delivers only nearly sorted: IVFFlat, and HNSW under cosine by rounding.
  order by distance + 0, chunk_id
  limit k;
end;

-- is_complete(...) is whether no match is missing where nearest() found so many of k: an index scan can give up, above all under
-- a filter. The matches are counted only if fewer than k were found. A table of one row, because the planner puts the select of a
-- table function in place of its call, but not that of a function with a sub-select that returns a value.
create function is_complete(found int8, k int4, filter text, source_prefix text) returns table (complete bool)
language sql stable parallel safe
begin atomic
  select found = k or found = (select count(*) from chunks where matches(metadata, filter, source_prefix));
end;

-- Every write appends what it changed, so that counting chunks adds up a few rows, and writers never wait for each other.
create table chunk_counts (
  chunks  int8 not null,
  tokens  int8 not null,
  changes int8 not null
);

-- Without a key, and deleted from: under logical replication the server would refuse that.
alter table chunk_counts replica identity full;

create function count_changes() returns trigger language plpgsql
set search_path from current
as $$
begin
  if tg_op = 'INSERT' then
    insert into chunk_counts
    select count(*), sum(tokens), count(*) from new_rows having count(*) > 0;
  elsif tg_op = 'DELETE' then
    insert into chunk_counts
    select -count(*), -sum(tokens), count(*) from old_rows having count(*) > 0;
  elsif tg_op = 'UPDATE' then
    insert into chunk_counts
    select 0, (select sum(tokens) from new_rows) - sum(tokens), count(*) from old_rows having count(*) > 0;
  else
    truncate chunk_counts;  -- which waits for whoever is adding it up
    update lexemes_counted set changes = 0;
  end if;
  return null;
end
$$;

create trigger chunks_count_insert after insert on chunks
  referencing new table as new_rows for each statement execute function count_changes();
create trigger chunks_count_delete after delete on chunks
  referencing old table as old_rows for each statement execute function count_changes();
create trigger chunks_count_update after update on chunks
  referencing old table as old_rows new table as new_rows for each statement execute function count_changes();
create trigger chunks_count_truncate after truncate on chunks
  for each statement execute function count_changes();
