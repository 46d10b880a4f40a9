-- apply_on_shard: makes one shard's own version of a shared function.
--
-- A shard is searched by the same functions as a store on one node. They are made from the same files. In a shard's
-- version, the names of the tables end with the shard's number, and so do the names of the functions that it calls. So
-- the version of shard 102008 is nearest_102008(), and it reads chunks_102008. Only a node that holds this shard ever
-- calls it. A session keeps its plans, as on one node.
--
-- The file has to name a table right after "from" or "join", or as 'chunks'::regclass. tests/unit/test_citus_files.py checks
-- that.
--
-- definition  text    the text of the file
-- shard       int8    the shard of chunks
-- shared      text[]  the functions of which each shard has a version
--
-- returns bool: always true
-- called by: apply_on_shard.sql
-- inlined: no
create or replace function apply_on_shard(definition text, shard int8, shared text[]) returns bool
language plpgsql
set search_path from current
as $$
declare
  own text := definition;
begin
  own := regexp_replace(own, '\m(from|join) chunks\M', '\1 chunks_' || shard, 'g');
  own := regexp_replace(own, '\m(from|join) chunk_counts\M', '\1 ' || sister('chunks_' || shard, 'shard_counts'), 'g');
  own := replace(own, '''chunks''::regclass', format('%L::regclass', 'chunks_' || shard));
  own := regexp_replace(own, '\m(' || array_to_string(shared, '|') || ')\(', '\1_' || shard || '(', 'g');
  own := regexp_replace(own, '\mplan_query\(', 'shipped_plan(', 'g');
  -- A body in quotes is read when it is called. So a node can have the function before it has the shard.
  own := regexp_replace(own, '\nbegin atomic\n(.*)\nend;', e'\nas \$body\$\\1\n\$body\$;');
  own := regexp_replace(own, '\nreturn\M(.*);', e'\nas \$body\$select\\1\$body\$;');
  perform set_config('check_function_bodies', 'off', true);
  execute own;
  return true;
end
$$;
