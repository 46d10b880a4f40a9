-- metadata: each key of the metadata: how many chunks have it, and how far a filter on it narrows a search.
--
-- distinct_values is how many different values there are, and chunks_a_value is how many chunks one of them leaves on
-- average. Of a list, each element is a value. It reads the metadata of every chunk.
--
-- psql: \i sql/inspect/metadata.sql
with pairs as not materialized (
  select each.key, each.value, jsonb_typeof(each.value) as type
  from chunks
  cross join jsonb_each(metadata) as each (key, value)
),
types as (
  select key, type, count(*) as chunks
  from pairs
  group by key, type
),
"values" as (
  select key, value, count(*) as chunks
  from (
    select key, value
    from pairs
    where type in ('string', 'number', 'boolean')
    union all
    select key, element
    from pairs
    cross join lateral (
      select distinct element
      from jsonb_array_elements(case when type = 'array' then value else '[]' end) as elements (element)
    ) elements
    where type = 'array'
  ) single
  group by key, value
),
narrowing as (
  select
    key,
    count(*) as distinct_values,
    avg(chunks) as chunks_a_value,
    max(chunks) as its_chunks,
    (array_agg(value order by chunks desc, value))[1] as most_common
  from "values"
  group by key
)
select
  t.key,
  sum(t.chunks)::int8 as chunks,
  round(100 * sum(t.chunks) / (select count(*) from chunks), 1)::float8 as percent,
  string_agg(t.type, ', ' order by t.type) as types,
  coalesce(n.distinct_values, 0) as distinct_values,
  round(n.chunks_a_value, 1)::float8 as chunks_a_value,
  left(n.most_common::text, 40) as most_common,
  n.its_chunks
from types t
left join narrowing n using (key)
group by t.key, n.distinct_values, n.chunks_a_value, n.most_common, n.its_chunks
order by 2 desc, t.key;
