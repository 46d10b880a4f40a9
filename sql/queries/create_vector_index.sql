-- create_vector_index: the statement that builds the vector index, for the caller to run.
--
-- The index has one chunk of each vector. Its copies are left out (sql/functions/keep_leaders.sql).
--
-- The server writes the statement, because the parameters of an index cannot be bound, and because only the server
-- knows the type of the column.
--
-- $1  method           text  hnsw or ivfflat
-- $2  m                int4  hnsw: links of each node
-- $3  ef_construction  int4  hnsw: how many candidates are looked at when a node is added
-- $4  lists            int4  ivfflat: number of clusters
-- $5  concurrently     bool  true does not block writers, but cannot run inside a transaction
-- $6  name             text  of the index; chunks_embedding_ann is the name that the library looks for
--
-- returns one: statement text
--
-- psql: \bind hnsw 16 64 0 true chunks_embedding_ann
--       \i sql/queries/create_vector_index.sql
--       then run what it prints
select format(
  'create index %s %I on chunks using %I (embedding %I) with (%s) where not is_copy',
  case when $5::bool then 'concurrently' else '' end,
  $6::text,
  $1::text,
  split_part(format_type(a.atttypid, null), '.', -1)
    || case s.distance when 'cosine' then '_cosine_ops' when 'l2' then '_l2_ops' when 'inner_product' then '_ip_ops' end,
  case $1::text
    when 'hnsw' then format('m = %s, ef_construction = %s', $2::int4, $3::int4)
    else format('lists = %s', $4::int4)
  end
) as statement
from pg_attribute a, store_settings s
where a.attrelid = 'chunks'::regclass and a.attname = 'embedding';
