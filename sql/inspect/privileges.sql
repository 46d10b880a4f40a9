-- privileges: what this role may do with the store. docs/sql.md says which grants bring it.
--
-- Each row of needed is a right that something takes, on some tables. To write also means to add up the changes that
-- triggers note.
--
-- psql: \i sql/inspect/privileges.sql
with needed (doing, privilege, tables) as (
  values
    ('search', 'select', array['chunks', 'chunk_counts', 'term_changes', 'term_statistics', 'term_statistics_state']),
    ('search', 'select', array['store_settings', 'embedding_profile', 'expected_indexes']),
    ('search', 'select', array['schema_version', 'schema_functions', 'term_derivation']),
    ('write', 'insert', array['chunks', 'chunk_counts', 'term_changes']),
    ('write', 'update', array['chunks', 'chunk_counts']),
    ('write', 'delete', array['chunks', 'chunk_counts']),
    ('name the model', 'insert', array['embedding_profile']),
    ('name the model', 'update', array['embedding_profile']),
    ('count', 'insert', array['term_statistics']),
    ('count', 'update', array['term_statistics', 'term_statistics_state']),
    ('count', 'delete', array['term_statistics', 'term_changes']),
    ('derive', 'insert', array['term_derivation']),
    ('derive', 'update', array['term_derivation', 'chunks']),
    ('reset', 'truncate', array['chunks', 'chunk_counts', 'term_changes', 'term_statistics', 'embedding_profile'])
),
allowed as (
  select doing, bool_and(has_table_privilege(t.name, privilege)) as all_of_it
  from needed, unnest(tables) as t (name)
  group by doing
)
select
  bool_and(all_of_it) filter (where doing = 'search') as may_search,
  bool_and(all_of_it) filter (where doing = 'write') as may_write,
  bool_and(all_of_it) filter (where doing = 'name the model') as may_name_model,
  bool_and(all_of_it) filter (where doing = 'reset') as may_reset,
  bool_and(all_of_it) filter (where doing = 'count') as may_count_terms,
  bool_and(all_of_it) filter (where doing = 'derive') as may_derive_terms,
  pg_has_role(c.relowner, 'usage') as may_build_indexes,
  pg_get_userbyid(c.relowner)::text as owner,
  current_user::text as role
from allowed, pg_class c
where c.oid = 'chunks'::regclass
group by c.relowner;
