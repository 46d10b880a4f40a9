-- possible_matches: how many chunks a keyword search can find at most: those that hold a word of its question, as the lexemes were
-- counted last, and those that pass its filter.
--
-- A budget of as many as hold a word leaves none of them out: bm25() takes every lexeme for a rare one. Where few pass the filter,
-- a budget of -1 is cheaper.
--
-- $1  query          text  a question in plain words
-- $2  filter         text  a jsonpath; '' matches every chunk
-- $3  source_prefix  text  what metadata.source begins with, where the filter implies it; '' otherwise
-- $4  at_most        int4  so many of those that pass are counted
--
-- returns one: passing int8, with_a_word int8
--
-- passing is null where more than at_most pass, or where there is no filter. It comes first, so that chunks is locked before
-- lexemes, as truncate_store.sql does: a search and a reset() must not wait for each other.
--
-- psql: \bind 'how do I load chunks' '' '' 750
--       \i sql/queries/possible_matches.sql
select
  case when $2::text || $3::text <> '' then
    (
      select nullif(count(*), $4::int4 + 1::int8)
      from (select from chunks where matches(metadata, $2::text, $3::text) limit $4::int4 + 1::int8) passed
    )
  end as passing,
  (
    select coalesce(sum(greatest(df, 1)), 0)::int8
    from unnest(to_tsvector(search_config(), searchable($1::text))) as word
    left join lexemes using (lexeme)
  ) as with_a_word;
