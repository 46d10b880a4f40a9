-- 0002_words: what is searchable in a chunk, how common each word is, and BM25.
--
-- Settings that this file reads: agent_brain.language, a text search configuration.

insert into schema_version (version, name) values (2, 'words');

-- search_config() is the text search configuration of chunks and questions alike: they cannot disagree.
do $$
begin
  execute format(
    'create function search_config() returns regconfig language sql immutable parallel safe return %L::regconfig',
    current_setting('agent_brain.language')::regconfig::text
  );
end
$$;

-- Compound names become their parts, and at the end themselves in one word, so that both are found:
-- 'os.path.getUserById' is 'os path get User By Id getUserById ospathgetUserById'.
-- No class depends on the locale, so that Python's re does exactly the same (chroma/searchable.py).
--
-- On PostgreSQL 18 its plan is kept for the session. Without this setting it would be made for each text, in sessions that plan
-- every statement anew.
create function searchable(text text) returns text
language sql immutable strict parallel safe
set plan_cache_mode = force_generic_plan
begin atomic
  select concat(
    -- A dot parts words where a letter and more follow: 'e.g.', 'U.S' and '3.11' stay whole.
    regexp_replace(seamed, '[-!-,/:-@\[-`{-~]+|\.(?=[A-Za-z][A-Za-z0-9_])', ' ', 'g'),
    (select string_agg(' ' || translate(name[1], '_', ''), '')
     from regexp_matches(
       seamed,
       '[A-Za-z\u0080-\U0010ffff][A-Za-z0-9\u0080-\U0010ffff]*(?:_+[A-Za-z0-9\u0080-\U0010ffff]+)+',
       'g') as names(name)),
    (select string_agg(' ' || translate(path[1], '-./:\_', ''), '')
     from regexp_matches(
       seamed,
       '[A-Za-z\u0080-\U0010ffff][A-Za-z0-9\u0080-\U0010ffff_-]*'
         '(?:(?:[/\\]+|::)[A-Za-z0-9\u0080-\U0010ffff_-]+|\.[A-Za-z\u0080-\U0010ffff][A-Za-z0-9\u0080-\U0010ffff_-]+)+',
       'g') as paths(path)))
  from (
    -- A name's parts begin at a capital or a digit, or after a digit: getUserById, HTTPServer, userIDs, sha256, list2string;
    -- and a single letter behind a longer part is one: self.x.
    select regexp_replace(text collate "C",
      '([A-Za-z0-9][A-Za-z0-9]\.(?=[A-Za-z](?![A-Za-z0-9_]))'
        '|[a-z](?=[A-Z])|[A-Z](?=[A-Z](?!s(?![a-z]))[a-z])|(?<=[A-Z])[A-Z](?=s(?![a-z]))'
        '|[A-Za-z](?=[0-9])|[0-9](?=[A-Za-z][A-Za-z]))', '\1_', 'g')
    offset 0  -- or it is done once for each use
  ) as seams(seamed);
end;

-- A chunk's lexemes: A headings and names, B summaries, D the text. The headings come first, which ts_rank's sum needs.
-- A tsvector takes 1 MB, and positions end at 16,383: of a text over 200,000 bytes, whose names
-- may take several times that, the first 50,000 characters are indexed.
create function chunk_tsv(content text, metadata jsonb) returns tsvector
language sql immutable parallel safe
return
  case when metadata ?| array['title', 'file_name', 'filename', 'section_title', 'heading_path', 'symbol_name'] then
    setweight(to_tsvector(search_config(), searchable(left(concat_ws(' ', metadata ->> 'title',
      metadata ->> 'file_name', metadata ->> 'filename', metadata ->> 'section_title',
      metadata ->> 'heading_path', metadata ->> 'symbol_name'), 10000))), 'A')
  else '' end
  || case when metadata ?| array['summary', 'section_summary'] then
    setweight(to_tsvector(search_config(), searchable(left(concat_ws(' ', metadata ->> 'summary',
      metadata ->> 'section_summary'), 10000))), 'B')
  else '' end
  || to_tsvector(search_config(), searchable(
    case when octet_length(content) > 200000 then left(content, 50000) else content end));

-- impact_levels() is where each level of an impact begins: see with_impacts().
create function impact_levels() returns float8[] language sql immutable parallel safe
return '{1, 1.4, 2, 2.8, 4, 5.7, 8, 11.3, 16, 22.6}'::float8[];

-- with_impacts(lexemes) is what is stored of a chunk's lexemes: their impacts added, and how many tokens they are, which is a
-- chunk's length in BM25. One row; as a table, the planner puts its select in place of its call. The argument should be a column:
-- it is used more than once.
--
-- An impact says that a chunk is much about a word: 'kubernet 6' that it is about 'kubernet', level 6 of 10. No text has such a
-- lexeme, and without positions it counts nowhere. The level grows with how often the word occurs for the chunk's length; a word
-- of the headings has at least level 1. So the GIN index holds each word's chunks in the order of their impact: of a word in a
-- million chunks, asked() looks up those with the highest levels.
create function with_impacts(lexemes tsvector) returns table (tsv tsvector, tokens int4)
language sql immutable parallel safe
begin atomic
  select
    lexemes || array_to_tsvector(coalesce(
      array_agg(lexeme || ' ' || greatest(width_bucket(frequency / norm, impact_levels()), 1))
        -- Not every word of a short chunk, nor a word that a long one has twice. A tsvector's lexeme has 2,046 bytes at most.
        filter (where (in_heading or frequency >= greatest(norm, least(2.8 * norm, 3))) and octet_length(lexeme) <= 2000),
      '{}')),
    coalesce(sum(times), 0)::int4
  from (
    select
      lexeme,
      cardinality(positions) as times,
      weights[1] = 'A' as in_heading,
      -- As BM25 has it with the default weights, if 75 distinct lexemes are the usual length: what is stored cannot follow a
      -- configuration.
      cardinality(positions) + case weights[1] when 'A' then 2 when 'B' then 1 else 0 end as frequency,
      0.25::float8 + length(lexemes) / 100::float8 as norm
    from unnest(lexemes)
    offset 0  -- or these are computed for each use
  ) occurrences;
end;

-- quoted(lexeme) is how a tsquery is told a lexeme.
create function quoted(lexeme text) returns text language sql immutable strict parallel safe
return '''' || replace(replace(lexeme, '\', '\\'), '''', '''''') || '''';

-- question_words(query) is the words of a question, lower case and in its order, and for each a tsquery: any of its forms.
create function question_words(query text, out words text[], out forms tsquery[]) language sql stable parallel safe
begin atomic
  select coalesce(array_agg(word order by place), '{}'), coalesce(array_agg(form order by place), '{}')
  from (
    select
      lower(word) as word,
      min(place) as place,
      string_agg(quoted(lexeme), ' | ')::tsquery as form
    from (
      select regexp_replace(part, '^[^[:alnum:]]+|[^[:alnum:]]+$', '', 'g') as word, place
      from regexp_split_to_table(query, '\s+') with ordinality as parts (part, place)
    ) words, unnest(tsvector_to_array(to_tsvector(search_config(), searchable(word)))) as lexeme
    group by lower(word)
  ) shown;
end;

-- matched_terms(words, forms, tsv) is those words of a question that a chunk contains in any form; null without words. Its plan
-- is kept as that of searchable() is.
create function matched_terms(words text[], forms tsquery[], tsv tsvector) returns text[]
language sql immutable strict parallel safe
set plan_cache_mode = force_generic_plan
begin atomic
  select coalesce(array_agg(word order by place), '{}')
  from unnest(words, forms) with ordinality as shown (word, form, place)
  where tsv @@ form;
end;

-- In how many chunks each lexeme is, words and impacts alike. Counted by refresh_lexemes.sql; it may lag behind a little.
create table lexemes (
  lexeme text collate "C" primary key,
  df     int4 not null
);

-- How much had been changed (the sum of chunk_counts.changes) when the lexemes were counted last. One row.
create table lexemes_counted (
  only_row   bool primary key default true check (only_row),
  changes    int8 not null,
  counted_at timestamptz not null default now()
);

insert into lexemes_counted (changes) values (0);

-- asked(...) is a question made ready for bm25(): what its lexemes weigh, and which of them bring in chunks.
--
-- budget is about how many chunks are scored; 0 or less, and any that the store or the matches fit into, scores every match.
-- Otherwise a third each:
-- 1. The rarest lexemes bring in every chunk they are in. One that is asked for twice takes its place as if half as common.
-- 2. Of the common ones left over, the six rarest bring in the chunks that are most about one of them: see with_impacts().
-- 3. Combinations of these six bring in the chunks that have all their words: the heaviest, as many as are expected to fit. Words
--    that come together, as those of a name do, bring in more: then the heaviest, expected in a quarter as many, come first. Only
--    lexemes in at most 30 budgets of chunks are combined: no longer list of the index is read, so that the cost depends on the
--    budget and not on the size of the store. Only where nothing else is found, one list of any length is.
--
-- Its plan is kept for the session: it depends on no filter, and making it takes longer than running it.
create function asked(
  query          text,
  budget         int4,
  k1             float8,
  b              float8,
  out terms      tsquery[],  -- one for each lexeme
  out weights    float8[],   -- how rare it is, and how often it is asked for
  out flat       float8,     -- a tf becomes tf / (tf + flat + slope * tokens)
  out slope      float8,
  out certain    tsquery,    -- 1 and 2: every chunk with any of these is scored
  out combined   tsquery,    -- 3: of the chunks with any of these combinations, no more than a budget
  out heaviest   tsquery     -- the same for the heaviest of them: these come first where there are more than a budget
)
language plpgsql stable parallel safe
set plan_cache_mode = force_generic_plan
set search_path from current
as $$
declare
  third constant int4 := budget / 3;
begin
  with size as (
    select greatest(sum(chunks), 1)::float8 as chunks, greatest(sum(tokens), 1)::float8 as tokens
    from chunk_counts
  ),
  words as (
    -- One row for each lexeme of the question. One that was not counted yet is new, or nowhere: rare in any case.
    select
      word.lexeme,
      quoted(word.lexeme) as quoted,
      cardinality(word.positions) as times,
      coalesce(lexemes.df, 0) as counted,
      greatest(lexemes.df, 1)::float8 as df,
      greatest(size.chunks, lexemes.df) as chunks
    from unnest(to_tsvector(search_config(), searchable(query))) as word
    left join lexemes on lexemes.lexeme = word.lexeme
    cross join size
  ),
  weighed as (
    select
      *,
      times * ln(1 + (chunks - df + 0.5) / (df + 0.5)) * (k1 + 1) as weight,
      budget <= 0
        or least(chunks, sum(df) over ()) <= budget
        or sum(df) over (order by df / times, lexeme) <= third as is_rare
    from words
  ),
  commons as (
    -- The six rarest of the others, each with a bit of its own.
    select *, 1 << (row_number() over (order by df / times, lexeme) - 1)::int4 as bit
    from weighed
    where not is_rare
    order by df / times, lexeme
    limit 6
  ),
  impacts as (
    -- A level that was not counted yet is rare, as a word is.
    select
      quoted(commons.lexeme || ' ' || level) as quoted,
      coalesce(lexemes.df, 0) as counted,
      sum(greatest(lexemes.df, 1))
        over (order by weight * density / (density + k1) desc, level desc, commons.lexeme) as up_to
    from commons
    cross join unnest(impact_levels()) with ordinality as levels (density, level)
    left join lexemes on lexemes.lexeme = commons.lexeme || ' ' || level
    where octet_length(commons.lexeme) <= 2000
  ),
  certainly as (
    select string_agg(quoted, ' | ')::tsquery as any_of, coalesce(sum(counted), 0) as chunks
    from (
      select quoted, counted from weighed where is_rare
      union all
      select quoted, counted from impacts where up_to <= third
    ) each
  ),
  combinations as (
    -- Every combination of the commons, by the bits of a number.
    select
      string_agg(quoted, ' & ') as quoted,
      -- float4, so that the same words weigh the same in whatever order they were added.
      sum(weight)::float4 as weight,
      (sum(weight) - min(weight))::float4 as without_one,
      -- How many chunks have this combination or a heavier one, if the words know nothing of each other.
      sum(min(chunks) * exp(sum(ln(df / chunks)))) over (order by sum(weight)::float4 desc) as up_to
    from generate_series(1, (select sum(bit) from commons)) as bits
    join commons on bits & bit > 0 and df <= 30 * budget::float8
    group by bits
    having sum(bit) = bits
  ),
  ranked as (
    -- What the last combination that fits weighs. If none does: all words together.
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
    array_agg(quoted::tsquery order by lexeme),
    array_agg(weight order by lexeme),
    k1 * (1 - b),
    k1 * b * min(size.chunks / size.tokens),
    (select any_of from certainly),
    coalesce(
      -- Minimal ones: without its lightest word it is not heavy enough.
      (select string_agg(quoted, ' | ') from ranked where weight >= least and without_one < least),
      -- Rather too many than none: those that are most about a word, or have it.
      (select quoted from impacts where counted > 0 and (select chunks from certainly) = 0 order by up_to limit 1),
      (select quoted from commons where (select chunks from certainly) = 0 order by bit limit 1)
    )::tsquery,
    (select string_agg(quoted, ' | ') from ranked where weight >= heavy and without_one < heavy)::tsquery
  into terms, weights, flat, slope, certain, combined, heaviest
  from weighed, size;
end
$$;

-- bm25(...) is the chunks that the words of a question bring in, with their BM25 score: the keyword side of every search.
--
-- budget is that of asked(), and -1 scores every match too, but finds them by the filter: where few chunks pass it, that is less
-- than reading the word index. The chunks whose ids are in also are scored in any case; by_words tells those that came in without
-- that. One stable select and nothing else: so the planner puts it in place of its call and sees the indexes.
create function bm25(
  query          text,
  filter         text,
  source_prefix  text,
  budget         int4,
  also           text[],
  k1             float8,
  b              float8,
  heading_weight float8,
  summary_weight float8
)
returns table (chunk_id text, score float8, by_words bool)
language sql stable parallel safe
begin atomic
  with question as materialized (
    select *
    from asked(query, budget, k1, b)
  ),
  words as materialized (
    select
      term, weight, flat, slope,
      -- ts_rank takes weights up to 1: scaled here, multiplied back in gain.
      array[0, 0, (summary_weight - 1) / greatest(heading_weight - 1, summary_weight - 1, 1e-9),
        (heading_weight - 1) / greatest(heading_weight - 1, summary_weight - 1, 1e-9)]::float4[] as heading,
      1.64493406685 * greatest(heading_weight - 1, summary_weight - 1, 0) as gain
    from question, unnest(terms, weights) as word (term, weight)
  ),
  -- Both are read only as far as is asked for below. With the limit in here the planner would take reading all chunks for cheap.
  together as materialized (
    select ctid, tokens, chunk_id
    from chunks
    where tsv @@ (select combined from question)
      and matches(metadata, filter, source_prefix)
  ),
  heavy as materialized (
    select ctid, tokens, chunk_id
    from chunks
    where (select count(*) from (select from together limit greatest(budget, 0) + 1::int8) found) > budget
      and tsv @@ (select heaviest from question)
      and matches(metadata, filter, source_prefix)
  )
  select
    chunk_id,
    (
      -- Rounded, here and below, so that what is equally good has equal scores: sums of floats differ in their last bits with
      -- the order of their terms, and ts_rank is a float4.
      select coalesce(round(sum(weight * tf / (tf + flat + slope * tokens)) * 1e9) / 1e9, 0)
      from (
        -- Of one lexeme, ts_rank is the sum of 1/i^2 for i = 1 to tf, over that of all i: pi^2/6. Positions of headings and
        -- summaries come first; the i-th of them counts 1/i^2 of its weight once more.
        select
          weight, flat, slope,
          round(1 / (1.64493406685 - 1.64493406685 * ts_rank('{1,1,1,1}', tsv, term)) - 0.5)
            + round(gain * ts_rank(heading, tsv, term) * 1e5) / 1e5 as tf
        from words
        where tsv @@ term
        offset 0  -- or tf is computed twice
      ) occurrences
    ),
    chunk_id <> all(also) or tsv @@ (select certain from question) or tsv @@ (select combined from question)
  from chunks
  -- By their places, so that each is scored once, however it came in.
  where ctid = any(array(
    select ctid
    from chunks
    where (
        tsv @@ (select certain from question)
        -- The planner drops these conditions where no ids are given, and without a filter.
        or (cardinality(also) > 0 and chunk_id = any(also))
        or (budget < 0 and filter || source_prefix <> '')
      )
      and matches(metadata, filter, source_prefix)
    union all
    (
      -- The heaviest first, and of either the shortest, in which these words weigh most unless b is low: the same ones wherever
      -- they are stored. Of more than five budgets those found first: to read on would take as long as the store is large.
      select ctid
      from (
        (select 1 as turn, * from heavy limit 5 * greatest(budget, 0)::int8)
        union all
        (select 2, * from together limit 5 * greatest(budget, 0)::int8)
      ) found
      order by turn, case when b > 0.6 then tokens end, chunk_id collate "C"
      limit greatest(budget, 0)
    )
  ))
  and (budget >= 0 or tsv @@ (select certain from question));
end;

-- bm25_planned(...) is bm25() for a search by words alone, which takes hardly longer than its planning. Without a filter its
-- plan is kept for the session. With one, "execute" has it made for that filter's value.
create function bm25_planned(
  query          text,
  filter         text,
  source_prefix  text,
  budget         int4,
  k1             float8,
  b              float8,
  heading_weight float8,
  summary_weight float8
)
returns table (chunk_id text, score float8)
language plpgsql stable parallel safe rows 750
set plan_cache_mode = force_generic_plan
set search_path from current
as $$
begin
  if filter = '' and source_prefix = '' then
    return query
      select found.chunk_id, found.score
      from bm25(query, '', '', budget, '{}', k1, b, heading_weight, summary_weight) found;
  else
    return query
      execute 'select chunk_id, score from bm25($1, $2, $3, $4, ''{}'', $5, $6, $7, $8)'
      using query, filter, source_prefix, budget, k1, b, heading_weight, summary_weight;
  end if;
end
$$;
