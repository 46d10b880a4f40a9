-- switch_generation: the statements that put the second generation of vectors in place of the first, for the caller.
--
-- The caller runs them in order in one transaction, in which it holds the lock of lock_store.sql, and every chunk has a
-- vector of the second generation. They drop the functions that keep the type of the column. Afterwards, in the same
-- transaction, the caller applies the functions again, with those that follow the vector index.
--
-- Every chunk is in the vector index of the second generation, and afterwards none is a copy. So the index is not
-- partial, and the library finds the copies and builds it anew, as in a store of an earlier version (0005_copies.sql).
--
-- $1  keep       bool    whether the first generation stays as the second one, for a way back
-- $2  functions  text[]  the functions of the store, each after those that it calls
--
-- returns many: statement text
--
-- psql: \bind false '{as_stored,is_stored}'
--       \i sql/queries/switch_generation.sql
--       then run what it prints, and then sql/functions/apply.psql
with functions as (
  -- Those that take a vector, and those whose body was read when they were made and names one of the columns.
  select p.oid::regprocedure::text as signature, p.proname::text as name
  from pg_proc p
  join schema_functions f on f.name = p.proname
  where p.pronamespace = current_schema()::regnamespace
    and (
      exists (
        select
        from unnest(p.proargtypes) as argument
        join pg_type t on t.oid = argument
        where t.typname in ('vector', 'halfvec')
      )
      or exists (
        select
        from pg_depend d
        join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
        where d.classid = 'pg_proc'::regclass
          and d.objid = p.oid
          and d.refobjid = 'chunks'::regclass
          and a.attname in ('embedding', 'is_copy', 'has_copies')
      )
    )
),
stored as (
  select
    s.*,
    (
      select split_part(format_type(atttypid, null), '(', 1)
      from pg_attribute
      where attrelid = 'chunks'::regclass and attname = 'embedding'
    ) as column_type,
    p.provider,
    p.model
  from store_settings s
  left join embedding_profile p on true
),
steps (step, statement) as (
  -- A statement drops one function or index, because Citus drops no more. Callers go before what they call.
  select coalesce(-array_position($2::text[], name), -32768), 'drop function ' || signature from functions
  union all
  select 2, format('delete from schema_functions where name = any(%L)', array_agg(name)) from functions
  union all
  select 3, 'drop index if exists chunks_' || kind
  from unnest('{unembedded,embedding_ann,vector_btree,copies_btree}'::text[]) kind
  union all
  select 4, 'alter table chunks drop constraint if exists chunks_embedding_is_there'
  union all
  select 5, 'alter table chunks drop column embedding' where not $1::bool
  union all
  select 6, 'alter table chunks alter column embedding drop not null' where $1::bool
  union all
  select 7, 'alter table chunks rename column embedding to former_embedding' where $1::bool
  union all
  select 8, 'alter table chunks rename column other_embedding to embedding'
  union all
  select 9, 'alter table chunks rename column former_embedding to other_embedding' where $1::bool
  union all
  select 10, format('alter table chunks add column other_embedding %s', column_type) from stored where not $1::bool
  union all
  -- Now every chunk leads. New columns with constant defaults say so, and no chunk is written for it.
  select 11, 'alter table chunks drop column is_copy, drop column has_copies'
  union all
  select 12, 'alter table chunks rename column other_is_copy to is_copy'
  union all
  select 13, 'alter table chunks
    add column has_copies bool not null default false, add column other_is_copy bool not null default false'
  union all
  select 14, format('alter index if exists chunks_other_%1$s rename to chunks_%1$s', kind)
  from unnest('{vector_btree,copies_btree}'::text[]) kind
  union all
  select 15, 'alter index if exists chunks_other_ann rename to chunks_embedding_ann'
  union all
  -- This takes no time, and finish_generation.sql looks at the chunks afterwards, while the store is in use.
  select 16, 'alter table chunks add constraint chunks_embedding_is_there check (embedding is not null) not valid'
  union all
  select 17, format(
    'insert into embedding_profile (provider, model, dimensions) values (%L, %L, %s)
     on conflict (only_row) do update
     set provider = excluded.provider, model = excluded.model, dimensions = excluded.dimensions',
    other_provider,
    other_model,
    other_dimensions
  )
  from stored
  union all
  select 18, format(
    'update store_settings
     set generation = generation + 1, dimensions = other_dimensions,
         other_provider = %L, other_model = %L, other_dimensions = %L',
    case when $1::bool then provider end,
    case when $1::bool then model end,
    case when $1::bool and model is not null then dimensions end
  )
  from stored
)
select statement
from steps
where statement is not null
order by step;
