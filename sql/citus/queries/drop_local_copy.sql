-- drop_local_copy: free the room that the chunks took on the coordinator before they were distributed.
--
-- returns one: dropped bool
--
-- psql: \i sql/citus/queries/drop_local_copy.sql
select truncate_local_data_after_distributing_table('chunks') is not null as dropped;
