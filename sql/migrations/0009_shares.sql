-- 0009_shares: make room for functions that know which part of all chunks passes a filter.

insert into schema_version (version, name) values (9, 'shares');

-- The start makes the new ones after this. In a store on a cluster, each shard has a version of filter_scope().
do $$
declare
  old regprocedure;
begin
  for old in
    select oid
    from pg_proc
    where pronamespace = current_schema()::regnamespace and proname ~ '^(keyword_ranking|filter_scope(_\d+)?)$'
  loop
    execute format('drop function %s', old);
  end loop;
end
$$;
