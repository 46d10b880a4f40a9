-- mark_copies: nothing. On a cluster every chunk is in the vector index, also one with the vector of another.
--
-- $1  after      text
-- $2  page_size  int4
--
-- returns one: last text, chunks int8, written int8
--
-- psql: \bind '' 1000
--       \i sql/citus/queries/mark_copies.sql
select null::text as last, 0::int8 as chunks, 0::int8 as written
where $1::text is not null and $2::int4 is not null;
