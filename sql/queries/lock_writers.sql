-- lock_writers: keep every other session from changing chunks until the transaction ends. Searches go on.
--
-- returns nothing
--
-- psql: \i sql/queries/lock_writers.sql
do $$ begin lock table chunks in share row exclusive mode; end $$;
