-- 0003_indexes: every index but the vector index, which create_vector_index.sql makes, because it can be rebuilt and tuned.

insert into schema_version (version, name) values (3, 'indexes');

-- Serves bm25(), and so keyword_search, hybrid_rrf and hybrid_relative_score.
create index chunks_tsv_gin on chunks using gin (tsv);

-- Serves the filter of every query: equality, $in and $contains on any key.
create index chunks_metadata_gin on chunks using gin (metadata jsonb_path_ops);

-- Serves filters by folder ($prefix on source) of every query. Cut, because a btree entry is limited to 2704 bytes.
create index chunks_source_btree on chunks (left(metadata ->> 'source', 512) collate "C");
