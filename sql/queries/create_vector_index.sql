-- create_vector_index: the statement that builds the vector index, for the caller to run.
--
-- The index has one chunk of each vector. Its copies are left out (sql/functions/keep_leaders.sql). In a second generation
-- nobody has looked for copies, so its index has all chunks. If many of them are equal, it has no "where". Then the
-- library knows after the switch that it has to be built anew, without the copies.
--
-- The server writes the statement, because the parameters of an index cannot be bound, and because only the server
-- knows the type of the column.
--
-- $1  method           text  hnsw or ivfflat
-- $2  m                int4  hnsw: links of each node
-- $3  ef_construction  int4  hnsw: how many candidates are looked at when a node is added
-- $4  lists            int4  ivfflat: number of clusters
-- $5  precision        text  single (as the column), half or binary
-- $6  concurrently     bool  true does not block writers, but cannot run inside a transaction
-- $7  name             text  of the index; chunks_embedding_ann is the name that the library looks for
-- $8  column_name      text  embedding, or other_embedding for the second generation
--
-- returns one: statement text
--
-- psql: \bind hnsw 16 64 0 half true chunks_embedding_ann embedding
--       \i sql/queries/create_vector_index.sql
--       then run what it prints, and sql/functions/apply.psql, because two functions follow the index
select format(
  'create index %s %I on chunks using %I (%s) with (%s) %s',
  case when $6::bool then 'concurrently' else '' end,
  $7::text,
  $1::text,
  case
    when $5::text = 'binary' then format('(binary_quantize(%I)::bit(%s)) bit_hamming_ops', a.attname, a.atttypmod)
    when $5::text = 'half' and t.name = 'vector' then
      format(
        '(%s::halfvec(%s)) halfvec_%s_ops',
        -- A cosine does not depend on lengths. A vector of length 1 always fits into half precision.
        format(case s.distance when 'cosine' then 'l2_normalize(%I)' else '%I' end, a.attname),
        a.atttypmod,
        d.name
      )
    else format('%I %s_%s_ops', a.attname, t.name, d.name)
  end,
  case $1::text
    when 'hnsw' then format('m = %s, ef_construction = %s', $2::int4, $3::int4)
    else format('lists = %s', $4::int4)
  end,
  case
    when a.attname = 'embedding' then 'where not is_copy'
    when not has_many_equals() then 'where not other_is_copy'
    else ''
  end
) as statement
from pg_attribute a
cross join store_settings s
cross join lateral (select split_part(format_type(a.atttypid, null), '.', -1) as name) t
cross join lateral (
  select case s.distance when 'cosine' then 'cosine' when 'l2' then 'l2' when 'inner_product' then 'ip' end as name
) d
where a.attrelid = 'chunks'::regclass and a.attname = $8::text;
