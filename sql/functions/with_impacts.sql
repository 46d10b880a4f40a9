-- with_impacts: what is stored for keyword search: a chunk's terms, the impacts of some, and its length in tokens.
--
-- An impact says how much a chunk is about a term. The impact 'kubernet 6' stands for level 6 of 10. No text has a term
-- with a blank in it, so no impact is mistaken for a term. Impacts have no positions, so they count nowhere.
--
-- Example: a chunk has 75 distinct terms, so its norm is 1. It has "kubernetes" nine times, and 9 / 1 lies in level 7,
-- which begins at 8. So 'kubernet 7' is stored. Another chunk of the same length has the word once, and gets no impact.
-- Thus the GIN index lists the chunks of a term by their impact. For a term in a million chunks, plan_query() looks up
-- the highest levels alone.
--
-- terms  tsvector  what chunk_terms() returns. Pass a column, because the argument is used more than once.
--
-- returns one: tsv tsvector, tokens int4
-- called by: upsert_chunks.sql, rederive_chunks.sql, update_metadata.sql, verify_chunks.sql
-- inlined: yes, because it returns a table
-- stored data: version 1
create or replace function with_impacts(terms tsvector) returns table (tsv tsvector, tokens int4)
language sql immutable parallel safe
begin atomic
  select
    terms || array_to_tsvector(coalesce(
      array_agg(term || ' ' || greatest(width_bucket(frequency / norm, impact_levels()), 1))
        -- Not every term of a short chunk gets one, nor a term that a long chunk has only twice. A term of a tsvector
        -- has at most 2,046 bytes.
        filter (where (in_heading or frequency >= greatest(norm, least(2.8 * norm, 3))) and octet_length(term) <= 2000),
      '{}')),
    coalesce(sum(times), 0)::int4
  from (
    select
      lexeme as term,
      cardinality(positions) as times,
      weights[1] = 'A' as in_heading,
      -- The frequency and the length norm of BM25 with the default weights, where 75 distinct terms are the usual
      -- length. They are fixed, because stored data cannot follow a configuration.
      cardinality(positions) + case weights[1] when 'A' then 2 when 'B' then 1 else 0 end as frequency,
      0.25::float8 + length(terms) / 100::float8 as norm
    from unnest(terms)
    offset 0  -- without this, these are computed again for each use
  ) occurrences;
end;
