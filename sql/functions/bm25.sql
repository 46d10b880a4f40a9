-- bm25: the chunks that a question brings in, each with its BM25 score.
--
-- plan_query() says which chunks come in. The GIN index finds them. Then each is fetched once, by its place in the
-- table, and scored. Each term of the question adds its weight times tf / (tf + flat + slope * tokens). tf is how often
-- the chunk has the term.
--
-- Example: a term is in 200 of 100,000 chunks, so it weighs ln(1 + 99800.5 / 200.5) * 2.2 = 13.7. A chunk of average
-- length has it twice in its text. Its tf is 2, and it scores 13.7 * 2 / (2 + 1.2) = 8.5. If one of the two is in the
-- title, tf is 4 at the default weights, because a heading counts three times and so adds two.
--
-- query          text      a question in plain words
-- path           jsonpath  the filter; null passes every chunk
-- source_prefix  text      what metadata.source begins with, where the filter implies it; '' otherwise
-- budget         int4      about how many chunks to score. 0 scores every match.
-- places         tid[]     where to look. Every match in these places is scored, and no other. For few places that is
--                          less work than reading the term index. null looks everywhere.
--
-- returns many: chunk_id text, score float8
--
-- called by: keyword_ranking, keyword_scores
-- inlined: yes, because it is a single stable select. So the planner sees the indexes.
--
-- psql: explain analyze select * from bm25('how do I load chunks', null, '', 400, null);
create or replace function bm25(query text, path jsonpath, source_prefix text, budget int4, places tid[])
returns table (chunk_id text, score float8)
language sql stable parallel safe
begin atomic
  with question as materialized (
    select *
    from plan_query(query, case when places is null then budget else 0 end)
  ),
  question_terms as materialized (
    select term, weight, flat, slope, field_weights, field_gain
    from question, unnest(terms, weights) as each (term, weight)
  ),
  -- These two are read only as far as the query below asks for. With the limit in here, the planner would believe that
  -- reading all chunks is cheap.
  together as materialized (
    select ctid, tokens, chunk_id
    from chunks
    where tsv @@ (select combined from question)
      and matches(metadata, path, source_prefix)
  ),
  heavy as materialized (
    select ctid, tokens, chunk_id
    from chunks
    where (select count(*) from (select from together limit greatest(budget, 0) + 1::int8) found) > budget
      and tsv @@ (select heaviest from question)
      and matches(metadata, path, source_prefix)
  )
  select
    chunk_id,
    (
      -- Rounding, here and below, gives equal scores to chunks that are equally good. The last bits of a sum of floats
      -- depend on the order of its terms, and ts_rank is a float4.
      select coalesce(round(sum(weight * tf / (tf + flat + slope * tokens)) * 1e9) / 1e9, 0)
      from (
        -- For one term, ts_rank is the sum of 1/i^2 for i = 1 to tf, divided by pi^2/6, the sum for all i. The
        -- positions in headings and summaries come first. The i-th of them counts 1/i^2 of its weight once more.
        select
          weight, flat, slope,
          round(1 / (1.64493406685 - 1.64493406685 * ts_rank('{1,1,1,1}', tsv, term)) - 0.5)
            + round(field_gain * ts_rank(field_weights, tsv, term) * 1e5) / 1e5 as tf
        from question_terms
        where tsv @@ term
        offset 0  -- without this, tf is computed twice
      ) occurrences
    )
  from chunks
  -- The places make sure that each chunk is scored once, however it came in.
  where ctid = any(coalesce(places, array(
    select ctid
    from chunks
    where tsv @@ (select always_scored from question)
      and matches(metadata, path, source_prefix)
    union all
    (
      -- Chunks with one of the heaviest combinations come first, then the others. In each group the shortest come
      -- first, because the terms weigh most in them, unless b is low. So the same chunks are scored wherever they are
      -- stored. Of a group of more than five budgets, only the chunks found first are looked at. Reading the whole
      -- group would take the longer the larger the store is.
      select ctid
      from (
        (select 1 as turn, * from heavy limit 5 * greatest(budget, 0)::int8)
        union all
        (select 2, * from together limit 5 * greatest(budget, 0)::int8)
      ) found
      order by turn, case when (select shortest_first from question) then tokens end, chunk_id collate "C"
      limit greatest(budget, 0)
    )
  )))
  and (places is null or tsv @@ (select always_scored from question));
end;
