-- 0006_generations: make room for a second generation of vectors, beside the one in use.

insert into schema_version (version, name) values (6, 'generations');

-- generation counts how often the vectors of the store were replaced as a whole. A session that knows another number
-- asks with vectors of another model. The other columns name the model of the second generation, and are null if there
-- is none.
alter table store_settings
  add column generation int4 not null default 0,
  add column other_provider text,
  add column other_model text,
  add column other_dimensions int4;

-- The vectors of the second generation. begin_generation.sql gives the column the length of its vectors. The path of
-- this session may lack pgvector's schema, so the type is that of the other column, without a length.
do $$
begin
  execute format(
    'alter table chunks add column other_embedding %s',
    (
      select atttypid::regtype
      from pg_attribute
      where attrelid = 'chunks'::regclass and attname = 'embedding'
    )
  );
end
$$;

-- Nobody looks for copies in the second generation, so no chunk is one. The switch makes this column is_copy.
alter table chunks add column other_is_copy bool not null default false;
