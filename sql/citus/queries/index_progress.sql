-- index_progress: how far the nodes have come with building an index of the chunks, over all shards.
--
-- A shard that has one index more than another one has finished. There is no row while no shard builds.
--
-- $1  pid  int4  the session that builds, on the coordinator
--
-- returns many: building bool, waiting bool, tuples_done int8, scanned float8, lockers_done int8, lockers_total int8
--
-- psql: \bind 4711
--       \i sql/citus/queries/index_progress.sql
with answers as materialized (
  select result::jsonb as shard
  from run_command_on_placements(
    'chunks',
    $$select jsonb_build_object(
        'phase', max(p.phase),
        'done', max(p.tuples_done),
        'rows', (select reltuples from pg_class where oid = '%1$s'::regclass),
        'indexes', (select count(*) from pg_index where indrelid = '%1$s'::regclass and indisvalid)
      )
      from pg_stat_progress_create_index p
      where p.relid = '%1$s'::regclass$$
  )
  where success and $1::int4 is not null
),
shards as (
  select
    shard ->> 'phase' as phase,
    (shard ->> 'done')::int8 as done,
    greatest((shard ->> 'rows')::float8, 0) as stored,
    (shard ->> 'indexes')::int8 > min((shard ->> 'indexes')::int8) over () as is_finished
  from answers
)
select
  true as building,
  false as waiting,
  sum(case when is_finished then stored else coalesce(done, 0) end)::int8 as tuples_done,
  0::float8 as scanned,
  0::int8 as lockers_done,
  0::int8 as lockers_total
from shards
having bool_or(phase like 'building index%');
