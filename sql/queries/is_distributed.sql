-- is_distributed: whether the chunks of this store are spread over the nodes of a Citus cluster.
--
-- returns one: distributed bool
--
-- psql: \i sql/queries/is_distributed.sql
select to_regclass(quote_ident(current_schema()) || '.shard_counts') is not null as distributed;
