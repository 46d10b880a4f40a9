-- store_owner: the role that owns this store and so may migrate it.
--
-- returns one: owner text
--
-- psql: \i sql/queries/store_owner.sql
select relowner::regrole::text as owner
from pg_class
where oid = 'chunks'::regclass;
