-- compare_counts: what the shards have noted, and what they have when they are counted.
--
-- has_checksums says whether the server notices an altered page.
--
-- returns one: chunks int8, tokens int8, noted_chunks int8, noted_tokens int8, changes int8, has_checksums bool
--
-- psql: \i sql/citus/queries/compare_counts.sql
select
  (select count(*) from chunks) as chunks,
  (select coalesce(sum(tokens), 0)::int8 from chunks) as tokens,
  (select coalesce(sum(chunks), 0)::int8 from shard_counts) as noted_chunks,
  (select coalesce(sum(tokens), 0)::int8 from shard_counts) as noted_tokens,
  (select coalesce(sum(changes), 0)::int8 from shard_counts) as changes,
  current_setting('data_checksums') = 'on' as has_checksums;
