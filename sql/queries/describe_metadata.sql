-- describe_metadata: each metadata key of the chunks that match a filter, with the most common of its values.
--
-- Of a list, each element is a value. A value of more than 200 characters counts, but it is not listed, and neither are
-- lists in lists and nested objects. common_values is a list of pairs, a value and how many chunks have it.
--
-- $1  filter         text  a jsonpath; '' matches every chunk
-- $2  source_prefix  text  what metadata.source begins with, where the filter implies it; '' otherwise
-- $3  listed         int4  how many values of each key to list
-- $4  most           int4  a key with more distinct values lists none
--
-- returns many: key text, chunks int8, types text[], distinct_values int8, common_values jsonb
--
-- psql: \bind '' '' 5 10000
--       \i sql/queries/describe_metadata.sql
with pairs as not materialized (
  select each.key, each.value, jsonb_typeof(each.value) as type
  from chunks
  cross join jsonb_each(metadata) as each (key, value)
  where matches(metadata, nullif($1::text, '')::jsonpath, $2::text)
),
types as (
  select key, type, count(*) as chunks
  from pairs
  group by key, type
),
singles as (
  select key, value
  from pairs
  where type in ('string', 'number', 'boolean')
  union all
  select key, element
  from pairs
  cross join lateral (
    select distinct element
    from jsonb_array_elements(case when type = 'array' then value else '[]' end) as elements (element)
    where jsonb_typeof(element) in ('string', 'number', 'boolean')
  ) elements
  where type = 'array'
),
ranked as (
  select
    key,
    value,
    count(*) as chunks,
    row_number() over (partition by key order by count(*) desc, value::text collate "C") as place,
    count(*) over (partition by key) as distinct_values
  from singles
  group by key, value
),
listed as (
  select
    key,
    max(distinct_values) as distinct_values,
    jsonb_agg(jsonb_build_array(value, chunks) order by place) filter (
      where place <= $3::int4 and distinct_values <= $4::int4 and length(value #>> '{}') <= 200
    ) as common_values
  from ranked
  group by key
)
select
  t.key,
  sum(t.chunks)::int8 as chunks,
  array_agg(t.type order by t.type) as types,
  least(coalesce(max(l.distinct_values), 0), $4::int4)::int8 as distinct_values,
  coalesce(l.common_values, '[]') as common_values
from types t
left join listed l using (key)
group by t.key, l.common_values
order by 2 desc, t.key collate "C";
