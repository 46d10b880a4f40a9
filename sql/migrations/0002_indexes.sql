-- 0002_indexes: creates every index but the vector index.
--
-- The vector index can be rebuilt and tuned, so create_vector_index.sql makes it.

insert into schema_version (version, name) values (2, 'indexes');

-- A GIN index keeps new entries in a list, and every search reads the whole list. So the list is limited to 256 kB
-- here. The default is 4 MB.

-- This index serves bm25(), and so keyword_search and hybrid_search.
create index chunks_tsv_gin on chunks using gin (tsv) with (gin_pending_list_limit = 256);

-- This index serves the filter of every query: equality, $in and $contains on any key.
create index chunks_metadata_gin on chunks using gin (metadata jsonb_path_ops) with (gin_pending_list_limit = 256);

-- This index serves filters by folder in every query: $prefix on source. An entry of a btree has at most 2,704 bytes,
-- so only the first 512 characters are in it.
create index chunks_source_btree on chunks (left(metadata ->> 'source', 512) collate "C");

-- missing_indexes.sql looks for these indexes, as they are defined now.
create table expected_indexes (
  name       text primary key,
  definition text not null
);

insert into expected_indexes (name, definition)
select indexname, indexdef
from pg_indexes
where schemaname = current_schema() and tablename = 'chunks' and indexname <> 'chunks_pkey';
