-- 0001_store: creates the schema, the store's settings, the chunks, and the tables that count them.
--
-- This file reads four settings of the session. The library sets them. docs/sql.md says how you set them in psql.
--   agent_brain.schema       the schema of the store
--   agent_brain.dimensions   the length of the embeddings
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
  -- Everything below is created in the first schema of this path, and found there without a prefix.
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

-- The functions of sql/functions that this database has, each with the hash of its file. The start compares the hashes.
create table schema_functions (
  name       text primary key,
  hash       text not null,
  library    text not null,  -- the version of the library that applied it; '' for psql
  applied_at timestamptz not null default now()
);

-- By which version of a function the stored terms were derived, for each function that decides stored data.
create table term_derivation (
  function text primary key,
  version  int4 not null
);

-- What the configuration said when the store was made. The start compares it with today's. The table has one row.
create table store_settings (
  only_row   bool primary key default true check (only_row),
  dimensions int4 not null,
  distance   text not null,  -- cosine, l2 or inner_product
  language   text not null
);

insert into store_settings (dimensions, distance, language)
values (
  current_setting('agent_brain.dimensions')::int4,
  current_setting('agent_brain.distance'),
  current_setting('agent_brain.language')::regconfig::text
);

-- The model that made the vectors, once somebody has named it. The table has at most one row.
create table embedding_profile (
  only_row   bool primary key default true check (only_row),
  provider   text not null,
  model      text not null,
  dimensions int4 not null
);

-- The column is vector(n) for up to 2,000 dimensions and halfvec(n) for up to 4,000. An index can hold no longer
-- vectors of either type. Beyond that the column is vector(n) and has no index.
do $$
declare
  dimensions int4 := current_setting('agent_brain.dimensions')::int4;
begin
  execute format(
    'create table chunks (
       chunk_id  text collate "C" primary key,
       text      text not null,
       metadata  jsonb not null,
       tsv       tsvector not null,  -- from with_impacts(chunk_terms(text, metadata))
       tokens    int4 not null,      -- from the same
       embedding %s(%s) not null
     )',
    case when dimensions between 2001 and 4000 then 'halfvec' else 'vector' end,
    dimensions
  );
end
$$;

-- Ranking reads many tsvectors. A tsvector that is kept in the row costs one page instead of three.
alter table chunks alter column tsv set storage main;

-- How many chunks and tokens there are. Every write appends what it changed (sql/functions/count_changes.sql), so the
-- sums over all rows are the numbers.
create table chunk_counts (
  chunks  int8 not null,
  tokens  int8 not null,
  changes int8 not null
);

-- The table has no key, and rows are deleted from it. Logical replication would refuse that without this.
alter table chunk_counts replica identity full;

-- In how many chunks each term is. An impact counts as a term. refresh_term_statistics.sql counts them from time to
-- time, so the numbers may lag a little.
create table term_statistics (
  term text collate "C" primary key,
  df   int4 not null
);

-- When the terms were last counted, and the sum of chunk_counts.changes at that time. The table has one row.
create table term_statistics_state (
  only_row   bool primary key default true check (only_row),
  changes    int8 not null,
  counted_at timestamptz not null default now()
);

insert into term_statistics_state (changes) values (0);

-- This is a stand-in, because a trigger needs its function. sql/functions/count_changes.sql replaces it.
create function count_changes() returns trigger
language plpgsql
as $$
begin
  raise exception 'the functions of sql/functions have not been applied to this schema yet';
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
