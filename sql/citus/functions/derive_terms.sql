-- derive_terms: makes the terms of a chunk on the node that stores it.
--
-- A write that leaves the terms open passes -1 for the tokens. If a chunk is stored exactly as it is given, or if deriving
-- it anew changes nothing, the row is left alone. So an unchanged chunk costs no text preparation.
--
-- returns trigger
-- called by: the trigger chunks_derive (distribute.sql)
-- inlined: no
create or replace function derive_terms() returns trigger
language plpgsql
set search_path from current
as $$
declare
  is_same bool;
  terms   tsvector;
begin
  if tg_op = 'INSERT' then
    -- The row is passed as a whole. A session that has read the vector by name cannot do so once reembed() changes its type.
    execute format(
      'select is_stored(c.text, c.metadata, c.embedding, ($1).text, ($1).metadata, ($1).embedding::vector)
       from %I c
       where c.chunk_id = ($1).chunk_id',
      tg_table_name
    )
    into is_same
    using new;
    if is_same then
      return null;
    end if;
  end if;
  terms := chunk_terms(new.text, new.metadata);
  select i.tsv, i.tokens into new.tsv, new.tokens from with_impacts(terms) i;
  if tg_op = 'UPDATE' then
    if (new.metadata::text, new.tsv, new.tokens) is not distinct from (old.metadata::text, old.tsv, old.tokens) then
      return null;
    end if;
  end if;
  return new;
end
$$;
