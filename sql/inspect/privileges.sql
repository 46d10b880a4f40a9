-- privileges: what this role may do with the store. docs/sql.md says which grants bring it.
--
-- psql: \i sql/inspect/privileges.sql
select
  has_table_privilege('chunks', 'select') as may_search,
  has_table_privilege('chunks', 'insert') and has_table_privilege('chunks', 'update')
    and has_table_privilege('chunks', 'delete') and has_table_privilege('chunk_counts', 'insert')
    and has_table_privilege('term_changes', 'insert') as may_write,
  has_table_privilege('chunks', 'truncate') and has_table_privilege('embedding_profile', 'delete') as may_reset,
  has_table_privilege('term_statistics', 'insert') as may_count_terms,
  pg_has_role(c.relowner, 'usage') as may_build_indexes,
  pg_get_userbyid(c.relowner)::text as owner,
  current_user::text as role
from pg_class c
where c.oid = 'chunks'::regclass;
