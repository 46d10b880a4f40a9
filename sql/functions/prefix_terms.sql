-- prefix_terms: the terms that the last word of a question stands for while it is being typed.
--
-- A star says that the word goes on: 'how do I kub*'. The terms that begin with it are taken from the term statistics, the
-- most frequent first. If none does, it is the longest term that the word begins with, because a term is the stem of a
-- word. In Python, textsearch/index.py does the same.
--
-- Example: 'kub*' gives kubernet. 'configurati*' gives configur.
--
-- query  text  a question. Without a star at its end, or with a single letter of ASCII before it, there are no terms.
--
-- returns many: term text, df int4, often float8
--   There are at most 20. df is the number of chunks with the term. often says how much a term counts: together they
--   weigh as one word that is in as many chunks as all of them.
--
-- called by: question_words, every_word, plan_query, most_matches
-- inlined: no. It keeps its plans for the session, as searchable() does.
--
-- psql: select * from prefix_terms('kub*');
create or replace function prefix_terms(query text) returns table (term text, df int4, often float8)
language plpgsql stable parallel safe rows 20
set plan_cache_mode = force_generic_plan
set search_path from current
as $$
#variable_conflict use_column
declare
  typed text;
begin
  if right(query, 1) <> '*' then
    return;
  end if;
  typed := lower(substring(
    fold(query) collate "C" from '([A-Za-z0-9\u00c0-\u1fff\u2c00-\u2dff\u3040-\U0003ffff]+)\*$') collate "default");
  if typed is null or octet_length(typed) = 1 then
    return;
  end if;
  return query
    with begun as materialized (
      select term, df
      from (
        select term, df
        from term_statistics
        where term >= typed and term < typed || u&'\+10ffff' and strpos(term, ' ') = 0
        order by term
        limit 5000
      ) first_terms
      order by df desc, term
      limit 20
    ),
    chosen as materialized (
      select term, df from begun
      union all
      (
        select term, df
        from term_statistics
        where term = any(array(select left(typed, letters) from generate_series(4, length(typed) - 1) as letters))
          and not exists (select from begun)
        order by length(term) desc
        limit 1
      )
    )
    select
      term, df,
      (ln(1 + (chunks - together + 0.5) / (together + 0.5)) / ln(1 + (greatest(chunks, df) - df + 0.5) / (df + 0.5)))::float8
    from
      chosen,
      (select greatest(sum(chunks), 1)::float8 as chunks from chunk_counts) size,
      lateral (select least(size.chunks, sum(df)) as together from chosen) sums;
end
$$;
