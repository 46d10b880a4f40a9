-- count_unembedded: how many chunks have no vector of the second generation.
--
-- It is a function because Citus does not plan a query of local tables that may also count the chunks.
--
-- returns int8
-- called by: second_generation.sql
-- inlined: no
create or replace function count_unembedded() returns int8
language plpgsql stable
set search_path from current
as $$
begin
  return (select count(*) from chunks where other_embedding is null);
end
$$;
