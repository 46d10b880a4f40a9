-- index_facts: the indexes of chunks, with their methods, options and validity.
--
-- Those of a second generation of vectors are left out. is_partial is true if an index holds only some of the chunks.
--
-- returns many: name text, method text, operator_class text, options text[], valid bool,
--   is_partial bool
--
-- psql: \i sql/queries/index_facts.sql
select
  c.relname::text as name,
  a.amname::text as method,
  o.opcname::text as operator_class,
  coalesce(c.reloptions, '{}') as options,
  i.indisvalid and i.indisready as valid,
  i.indpred is not null as is_partial
from pg_index i
join pg_class c on c.oid = i.indexrelid
join pg_am a on a.oid = c.relam
join pg_opclass o on o.oid = i.indclass[0]
where i.indrelid = 'chunks'::regclass and c.relname <> 'chunks_unembedded' and not starts_with(c.relname, 'chunks_other_')
order by c.relname;
