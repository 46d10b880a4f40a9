-- distribute: spreads the chunks of a store over the nodes of a Citus cluster, and prepares their triggers.
--
-- The library runs it once, inside the transaction that makes a new store or converts one. It sends one statement at a
-- time, because Citus passes on the whole string that it is given. The functions of sql/citus/functions follow after it.
--
-- This file reads one setting of the session: agent_brain.shards, the number of shards.

-- Citus warns that it does not look into triggers. Ours touch the shard that they run on, and no other.
-- What follows in this transaction has to see what went before on each node. So each node gets one connection.
select set_config('citus.enable_unsafe_triggers', 'on', true), set_config('citus.multi_shard_modify_mode', 'sequential', true);

-- Citus distributes no table that has triggers. They come back below.
drop trigger chunks_count_insert on chunks;
drop trigger chunks_count_delete on chunks;
drop trigger chunks_count_update on chunks;
drop trigger chunks_count_truncate on chunks;
drop trigger chunks_leaders_delete on chunks;
drop trigger chunks_leaders_update on chunks;

-- A leader and its copies would be on different shards. So on a cluster every chunk is in the vector index.
update chunks set is_copy = false, has_copies = false where is_copy or has_copies;

-- Shards of one store move without those of another.
select create_distributed_table('chunks', 'chunk_id', shard_count => current_setting('agent_brain.shards')::int4,
  colocate_with => 'none');

-- One row for each shard of chunks. It lies beside that shard, so "from parts" runs once on each of them.
create table parts (
  part  text collate "C" primary key,  -- a value that belongs to the shard
  shard int8 not null                  -- its number, which ends the name of its table: chunks_102008
);

select create_distributed_table('parts', 'part', colocate_with => 'chunks');

-- What chunk_counts is on one node. Each shard counts its own chunks. chunk_counts stays on the coordinator, with the
-- sums of the last count of the terms. Searches read it, because they need no more and it costs no round to the nodes.
-- Without a key, Citus would block writers while it moves a shard.
create table shard_counts (
  part    text collate "C",
  entry   uuid default gen_random_uuid(),
  chunks  int8 not null,
  tokens  int8 not null,
  changes int8 not null,
  primary key (part, entry)
);

select create_distributed_table('shard_counts', 'part', colocate_with => 'chunks');

-- These two are stand-ins, because a trigger needs its function. The files of sql/citus/functions replace them.
create or replace function derive_terms() returns trigger language plpgsql
as $$ begin raise exception 'the functions of sql/citus have not been applied to this schema yet'; end $$;

create or replace function note_sizes() returns trigger language plpgsql
as $$ begin raise exception 'the functions of sql/citus have not been applied to this schema yet'; end $$;

-- The shards prepare the texts, so that loading scales with the nodes. A negative number of tokens asks for it.
create trigger chunks_derive before insert or update on chunks
  for each row when (new.tokens < 0) execute function derive_terms();

create trigger chunks_count_insert after insert on chunks
  referencing new table as new_rows for each statement execute function count_changes();
create trigger chunks_count_delete after delete on chunks
  referencing old table as old_rows for each statement execute function count_changes();
create trigger chunks_count_update after update on chunks
  referencing old table as old_rows new table as new_rows for each statement execute function count_changes();

create trigger term_statistics_sizes before update on term_statistics_state
  for each row execute function note_sizes();
create trigger term_statistics_truncate after truncate on term_statistics
  for each statement execute function note_sizes();
