-- 0002_indexes: every index but the vector index, which create_vector_index.sql makes, because it can be rebuilt and tuned.

insert into schema_version (version, name) values (2, 'indexes');

-- A GIN index keeps new entries in a list that every search reads from end to end; 256 kB (4 MB is the default) keep it short.

-- Serves bm25(), and so keyword_search and hybrid_search.
create index chunks_tsv_gin on chunks using gin (tsv) with (gin_pending_list_limit = 256);

-- Serves the filter of every query: equality, $in and $contains on any key.
create index chunks_metadata_gin on chunks using gin (metadata jsonb_path_ops) with (gin_pending_list_limit = 256);

-- Serves filters by folder ($prefix on source) of every query. Cut, because a btree entry is limited to 2704 bytes.
create index chunks_source_btree on chunks (left(metadata ->> 'source', 512) collate "C");

-- What missing_indexes.sql looks for: these as they are now.
create table expected_indexes (
  name       text primary key,
  definition text not null
);

insert into expected_indexes (name, definition)
select indexname, indexdef
from pg_indexes
where schemaname = current_schema() and tablename = 'chunks' and indexname <> 'chunks_pkey';
