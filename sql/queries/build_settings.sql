-- build_settings: give this session, or its transaction, the memory and the workers that an index build needs.
--
-- $1  memory_kb     int8  the maintenance_work_mem that the build needs; a larger setting of the server stays
-- $2  workers       int4  parallel workers besides this session; 0 for none
-- $3  until_commit  bool  whether the settings end with the transaction
--
-- returns one: done bool, memory_kb int8
--
-- psql: \bind 262144 2 false
--       \i sql/queries/build_settings.sql
with wanted as (
  select greatest($1::int8, setting::int8) as memory_kb
  from pg_settings
  where name = 'maintenance_work_mem'
)
select
  set_config('maintenance_work_mem', w.memory_kb || 'kB', $3::bool) is not null
    and set_config('max_parallel_maintenance_workers', $2::int4::text, $3::bool) is not null
    -- without this, a table below 8 MB gets no worker, and there a build already takes a second
    and set_config('min_parallel_table_scan_size', '0', $3::bool) is not null as done,
  w.memory_kb
from wanted w;
