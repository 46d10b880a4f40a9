-- remake_store: the statements that give an empty store other settings, for the caller to run in order.
--
-- A store is empty if it has neither chunks nor an embedding profile. There is no row if the store is not empty, or if
-- it has these settings already. The statements drop the functions that keep the type of the column and the vector
-- indexes. Afterwards the caller applies the functions again, and builds the index.
--
-- The server writes the statements, because a type cannot be bound.
--
-- $1  dimensions  int4
-- $2  distance    text  cosine, l2 or inner_product
-- $3  language    text  a text search configuration
--
-- returns many: statement text
--
-- psql: \bind 384 cosine english
--       \i sql/queries/remake_store.sql
--       then run what it prints, and then sql/functions/apply.psql
with functions as (
  -- A trigger needs its function, which never reads the column.
  select p.oid::regprocedure::text as signature
  from pg_proc p
  join schema_functions f on f.name = p.proname
  where p.pronamespace = current_schema()::regnamespace and p.prorettype <> 'trigger'::regtype
),
vector_indexes as (
  select i.indexrelid::regclass::text as name
  from pg_index i
  join pg_class c on c.oid = i.indexrelid
  join pg_am m on m.oid = c.relam
  where i.indrelid = 'chunks'::regclass and m.amname in ('hnsw', 'ivfflat')
),
steps (step, statement) as (
  select 1, 'drop function ' || string_agg(signature, ', ') from functions
  union all
  select 2, 'delete from schema_functions'
  union all
  select 3, 'drop index ' || string_agg(name, ', ') from vector_indexes
  union all
  -- As in 0001_store.sql: an index can hold no longer vectors of either type.
  select 4, format(
    'alter table chunks alter column embedding type %1$s(%2$s) using null::%1$s(%2$s)',
    case when $1::int4 between 2001 and 4000 then 'halfvec' else 'vector' end,
    $1::int4
  )
  union all
  select 5, format(
    'update store_settings set dimensions = %s, distance = %L, language = %L', $1::int4, $2::text, $3::text::regconfig
  )
)
select s.statement
from steps s
cross join store_settings t
where s.statement is not null
  and not exists (select chunk_id from chunks)
  and not exists (select only_row from embedding_profile)
  and (t.dimensions, t.distance, t.language::regconfig) is distinct from ($1::int4, $2::text, $3::text::regconfig)
order by s.step;
