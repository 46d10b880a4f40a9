-- memory: what the server has for the vector index, in bytes: to keep it in memory, and to build it.
--
-- If the index is larger than shared_buffers, searches wait for the disk or for the system's cache.
--
-- psql: \i sql/inspect/memory.sql
select
  coalesce(pg_relation_size(to_regclass('chunks_embedding_ann')), 0) as vector_index,
  pg_size_bytes(current_setting('shared_buffers')) as shared_buffers,
  pg_size_bytes(current_setting('maintenance_work_mem')) as maintenance_work_mem,
  current_setting('dynamic_shared_memory_type') as dynamic_shared_memory;
