-- plan_query: a question made ready for bm25(): what each term weighs, and which terms bring in chunks to score.
--
-- In a large store a question matches far more chunks than can be scored, so this picks terms whose chunks can win.
-- Take the question 'how does vacuum freeze rows' over 100,000 chunks, with a budget of 750. 'how' and 'does' are stop
-- words. 'freez' is in 200 chunks, 'vacuum' in 3,000, and 'row' in 20,000. The budget is spent in thirds:
--
-- 1. The rarest terms bring in every chunk that has one of them, up to 250 chunks. Here these are the 200 chunks with
--    'freez'. A term that the question has twice counts as if it were half as common.
-- 2. The other terms are common. Here they are 'vacuum' and 'row'. The six rarest of them bring in the chunks that are
--    most about one of them, again up to 250. The index finds these chunks by their impacts: see with_impacts().
-- 3. Combinations of these six terms bring in the chunks that have all terms of the combination, here 'vacuum' and
--    'row' together. The heaviest combinations come first, as many as are expected to fit.
--
-- The estimate for 3 assumes that terms occur independently of each other. Terms that always occur together, like the
-- parts of a name, bring in more chunks than expected. Then the heaviest combinations come first: those that are
-- expected in only a quarter as many chunks. A term in more than 30 budgets of chunks is not combined. So the index
-- never has to read a longer list, however large the store is. If nothing else is found, one list
-- of any length is read.
--
-- The chunks of 1 and 2 are always scored. The chunks of 3 are scored until the budget is used up. Every chunk that
-- comes in is scored by all terms of the question.
--
-- A question may be a pasted page. Of more than 250 terms the heaviest 250 count, and terms that are in no chunk come
-- last. Each scored chunk is looked at once for each term, so their number needs a bound. In Python,
-- textsearch/index.py does the same.
--
-- query   text  a question in plain words
-- budget  int4  about how many chunks to score. 0 or less scores every match. So does a budget that they all fit into.
--
-- returns one:
--   terms           tsquery[]  one for each term of the question
--   weights         float8[]   how rare each term is, times how often the question has it, times k1 + 1
--   flat, slope     float8     a frequency tf scores tf / (tf + flat + slope * tokens)
--   field_weights   float4[]   ts_rank's weights for texts, summaries and headings, scaled to at most 1
--   field_gain      float8     undoes the scaling
--   shortest_first  bool       whether short chunks are the better ones when there are many
--   always_scored   tsquery    1 and 2: every chunk with one of these is scored
--   combined        tsquery    3: chunks with one of these combinations are scored up to the budget
--   heaviest        tsquery    3: the heaviest of these, which come first when more than a budget of chunks have one
--
-- called by: bm25
-- inlined: no. The session keeps its plan. It does not depend on a filter, and making it takes longer than running it.
--
-- psql: select * from plan_query('how do I load chunks', 400);
create or replace function plan_query(
  query              text,
  budget             int4,
  out terms          tsquery[],
  out weights        float8[],
  out flat           float8,
  out slope          float8,
  out field_weights  float4[],
  out field_gain     float8,
  out shortest_first bool,
  out always_scored  tsquery,
  out combined       tsquery,
  out heaviest       tsquery
)
language plpgsql stable parallel safe
set plan_cache_mode = force_generic_plan
set search_path from current
as $$
declare
  third      constant int4 := budget / 3;
  most_terms constant int4 := 250;
  settings   record;
  size       record;
  words      text[];  -- the terms of the question
  times      float8[];  -- how often the question has each
  counted    int4[];  -- how many chunks have it; 0 if it was not counted
  rare       bool[];  -- whether it brings in every chunk that has it
  rare_found int8;    -- in how many chunks the rare terms were counted
  widest     float8;
begin
  select k1, b, heading_weight - 1 as heading, summary_weight - 1 as summary into settings from ranking_settings();
  select greatest(sum(chunks), 1)::float8 as chunks, greatest(sum(tokens), 1)::float8 as tokens into size from chunk_counts;
  widest := greatest(settings.heading, settings.summary, 1e-9);
  flat := settings.k1 * (1 - settings.b);
  slope := settings.k1 * settings.b * size.chunks / size.tokens;
  field_weights := array[0, 0, settings.summary / widest, settings.heading / widest];
  field_gain := 1.64493406685 * greatest(settings.heading, settings.summary, 0);
  shortest_first := settings.b > 0.6;

  select
    array_agg(word.lexeme order by word.lexeme),
    -- Other forms of a word count little, because the word itself is there too. They have the label C, or no position.
    array_agg(
      coalesce(0.1 * cardinality(word.weights) + 0.9 * cardinality(array_remove(word.weights, 'C')), 0.1)::float8
      order by word.lexeme),
    array_agg(coalesce(known.df, 0) order by word.lexeme)
  into words, times, counted
  from unnest(text_terms(query)) as word
  left join term_statistics known on known.term = word.lexeme;

  if right(query, 1) = '*' then
    select words || array_agg(term), times || array_agg(often), counted || array_agg(df)
    into words, times, counted
    from prefix_terms(query)
    where term <> all(coalesce(words, '{}'));
  end if;

  if cardinality(words) > most_terms then
    select array_agg(term), array_agg(often), array_agg(seen)
    into words, times, counted
    from (
      select term, often, seen
      from unnest(words, times, counted) as question (term, often, seen), cast(greatest(seen, 1) as float8) as df
      order by seen = 0, often * ln(1 + (greatest(size.chunks, df) - df + 0.5) / (df + 0.5)) desc, term collate "C"
      limit most_terms
    ) heaviest;
  end if;

  -- A term that was not counted is new or in no chunk. Either way it is rare.
  select
    array_agg(quoted(term)::tsquery order by place),
    array_agg(weight order by place),
    array_agg(is_rare order by place),
    string_agg(quoted(term), ' | ' order by place) filter (where is_rare),
    sum(seen) filter (where is_rare)
  into terms, weights, rare, always_scored, rare_found
  from (
    select
      term, seen, place,
      often * ln(1 + (greatest(size.chunks, df) - df + 0.5) / (df + 0.5)) * (settings.k1 + 1) as weight,
      budget <= 0
        or least(size.chunks, sum(df) over ()) <= budget
        or sum(df) over (order by df / often, term) <= third as is_rare
    from
      unnest(words, times, counted) with ordinality as question (term, often, seen, place),
      cast(greatest(seen, 1) as float8) as df
  ) weighed;

  if false = any(rare) is not true then  -- all terms are rare, or there is none
    return;
  end if;

  with commons as (
    -- The six rarest of the other terms, each with a bit of its own.
    select
      term, quoted(term) as quoted, weight, df, greatest(size.chunks, df) as chunks,
      1 << (row_number() over (order by df / often, term) - 1)::int4 as bit
    from
      unnest(words, times, counted, weights, rare) as question (term, often, seen, weight, is_rare),
      cast(greatest(seen, 1) as float8) as df
    where not is_rare
    order by df / often, term
    limit 6
  ),
  impacts as (
    -- A level that was not counted is rare, like a term that was not.
    select
      quoted(commons.term || ' ' || level) as quoted,
      coalesce(known.df, 0) as counted_chunks,
      sum(greatest(known.df, 1))
        over (order by weight * density / (density + settings.k1) desc, level desc, commons.term) as up_to
    from commons
    cross join unnest(impact_levels()) with ordinality as levels (density, level)
    left join term_statistics known on known.term = commons.term || ' ' || level
    where octet_length(commons.term) <= 2000
  ),
  dense as (
    select
      string_agg(quoted, ' | ')::tsquery as any_of,
      coalesce(rare_found, 0) + coalesce(sum(counted_chunks), 0) = 0 as none_found
    from impacts
    where up_to <= third
  ),
  combinations as (
    -- Every combination of the common terms. The bits of a number say which terms are in it.
    select
      string_agg(quoted, ' & ') as quoted,
      -- As float4 the same terms weigh the same, in whatever order they were added.
      sum(weight)::float4 as weight,
      (sum(weight) - min(weight))::float4 as without_one,
      -- How many chunks have this combination or a heavier one, if terms occur independently of each other.
      sum(min(chunks) * exp(sum(ln(df / chunks)))) over (order by sum(weight)::float4 desc) as up_to
    from generate_series(1, (select sum(bit) from commons)) as bits
    join commons on bits & bit > 0 and df <= 30 * budget::float8
    group by bits
    having sum(bit) = bits
  ),
  ranked as (
    -- The weight of the last combination that fits. If none fits, it is the weight of all terms together.
    select
      *,
      coalesce(
        min(weight) filter (where up_to <= third) over (),
        max(weight) filter (where without_one > 0) over ()
      ) as least,
      min(weight) filter (where up_to <= third / 4) over () as heavy
    from combinations
  )
  select
    -- These are 1 and 2 of the header.
    coalesce(always_scored || dense.any_of, always_scored, dense.any_of),
    coalesce(
      -- The smallest combinations. Without its lightest term, each of them would be too light.
      (select string_agg(quoted, ' | ') from ranked where weight >= least and without_one < least),
      -- Too many chunks are better than none: those that are most about a term, or else all that have it.
      (select quoted from impacts where counted_chunks > 0 and none_found order by up_to limit 1),
      (select quoted from commons where none_found order by bit limit 1)
    )::tsquery,
    (select string_agg(quoted, ' | ') from ranked where weight >= heavy and without_one < heavy)::tsquery
  into always_scored, combined, heaviest
  from dense;
end
$$;
