-- table_columns: the columns of any table that this role may read, with their types. An unknown table has none.
--
-- $1  schema      text
-- $2  table_name  text
--
-- returns many: name text, type text
--
-- psql: \bind public documents
--       \i sql/queries/table_columns.sql
select column_name::text as name, data_type::text as type
from information_schema.columns
where table_schema = $1::text
  and table_name = $2::text
order by ordinal_position;
