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
-- ASCII classes only: fast, and Python's re does exactly the same (chroma/searchable.py) whatever the locale is.
create function searchable(text text) returns text
language sql immutable strict parallel safe
begin atomic
  select concat(
    -- A dot parts words only before a letter that has no dot itself: 'e.g.', 'U.S.' and '3.11' stay whole.
    regexp_replace(seamed, '[-!-,/:-@\[-`{-~]+|\.(?=[A-Za-z](?:[^.]|$))', ' ', 'g'),
    (select string_agg(' ' || translate(name[1], '_', ''), '')
     from regexp_matches(seamed, '[A-Za-z][A-Za-z0-9]*(?:_+[A-Za-z0-9]+)+', 'g') as names(name)),
    (select string_agg(' ' || translate(path[1], './:\_', ''), '')
     from regexp_matches(seamed, '[A-Za-z][A-Za-z0-9_]*(?:[./:\\]+[A-Za-z][A-Za-z0-9_]+)+', 'g') as paths(path)))
  from (
    -- A name's parts begin at a capital or a digit, or after a digit: getUserById, HTTPServer, sha256, list2string.
    select regexp_replace(text collate "C",
      '([a-z](?=[A-Z])|[A-Z](?=[A-Z][a-z])|[A-Za-z](?=[0-9])|[0-9](?=[A-Za-z][A-Za-z]))', '\1_', 'g')
    offset 0  -- or it is done once for each use
  ) as seams(seamed);
end;

-- A chunk's lexemes: A headings and names, B summaries, D the text. The headings come first, which ts_rank's sum needs.
-- A tsvector takes 1 MB, and positions end at 16,383: of a text over 300,000 bytes the first 75,000 characters are indexed.
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
    case when octet_length(content) > 300000 then left(content, 75000) else content end));

-- token_count(tsv) is the length of a chunk in BM25: its tokens, not its distinct lexemes.
create function token_count(tsv tsvector) returns int4 language sql immutable parallel safe
begin atomic
  select coalesce(sum(cardinality(positions)), 0)::int4 from unnest(tsv);
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
  ) asked;
end;

-- matched_terms(words, forms, tsv) is those words of a question that a chunk contains in any form; null without words.
create function matched_terms(words text[], forms tsquery[], tsv tsvector) returns text[]
language sql immutable strict parallel safe
begin atomic
  select coalesce(array_agg(word order by place), '{}')
  from unnest(words, forms) with ordinality as asked (word, form, place)
  where tsv @@ form;
end;

-- In how many chunks each lexeme is. Counted by refresh_lexemes.sql; it may lag behind a little.
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
-- budget bounds how many chunks are scored. The rarest lexemes (one that is asked for twice counts as half as common) bring
-- in every chunk they are in, while their document frequencies fit into it. Of the common ones left over, the rarest are
-- joined by "and" until few enough chunks are expected; what they bring in is cut off where it would cost too much. 0 scores
-- every match.
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
  out rare       tsquery,    -- any of the rare lexemes
  out common     tsquery,    -- all of the rarest common lexemes
  out room       int8        -- how many chunks may come in by the common ones alone
)
language plpgsql stable parallel safe
set plan_cache_mode = force_generic_plan
set search_path from current
as $$
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
  sorted as (
    select *, budget = 0 or sum(df) over (order by df / times, lexeme) <= budget as is_rare
    from words
  ),
  joined as (
    -- In how many chunks this lexeme and all rarer ones of its kind are together, if they knew nothing of each other.
    -- Many words make less than a float8 can hold: -700 is about its logarithm's end.
    select *, chunks * exp(greatest(sum(ln(df / chunks)) over (partition by is_rare order by df, lexeme), -700)) as together
    from sorted
  ),
  narrowed as (
    select *, coalesce(lag(together) over (partition by is_rare order by df, lexeme), chunks) as without
    from joined
  ),
  brought as (
    select
      array_agg(quoted::tsquery order by lexeme) as terms,
      array_agg(times * ln(1 + (chunks - df + 0.5) / (df + 0.5)) * (k1 + 1) order by lexeme) as weights,
      string_agg(quoted, ' | ') filter (where is_rare)::tsquery as rare,
      coalesce(sum(counted) filter (where is_rare), 0) as by_rare,
      string_agg(quoted, ' & ') filter (where not is_rare and without > budget)::tsquery as common,
      min(together) filter (where not is_rare) as by_common,
      count(*) as words
    from narrowed
  )
  select
    brought.terms, brought.weights, k1 * (1 - b), k1 * b * size.chunks / size.tokens, brought.rare, brought.common,
    case
      when by_common <= budget or by_rare = 0 then budget + 10 * budget::int8 / greatest(words, 1)
      when by_rare < 20 then 100
      else 0
    end
  into terms, weights, flat, slope, rare, common, room
  from brought, size;
end
$$;

-- bm25(...) is the chunks that the words of a question bring in, with their BM25 score: the keyword side of every search.
--
-- The chunks of also are scored in any case. One stable select and nothing else: so the planner puts it in place of its call
-- and sees the indexes.
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
returns table (chunk_id text, score float8)
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
  found as (
    select chunk_id, tsv, tokens
    from chunks
    -- The cardinalities let the planner drop these conditions where nothing is to be scored in any case.
    where (tsv @@ (select rare from question) or (cardinality(also) > 0 and chunk_id = any(also)))
      and matches(metadata, filter, source_prefix)
    union all
    (
      select chunk_id, tsv, tokens
      from chunks
      where tsv @@ (select common from question)
        and (tsv @@ (select rare from question)) is not true
        and (cardinality(also) = 0 or chunk_id <> all(also))
        and matches(metadata, filter, source_prefix)
      limit (select room from question)
    )
  )
  select
    chunk_id,
    (
      select coalesce(sum(weight * tf / (tf + flat + slope * tokens)), 0)
      from (
        -- Positions of headings and summaries come first, and count once more for their weight.
        select
          weight, flat, slope,
          round(1 / (1.64493406685 - 1.64493406685 * rank) - 0.5) + gain * ts_rank(heading, tsv, term) as tf
        from (
          -- Of one lexeme, ts_rank is the sum of 1/i^2 for i = 1 to tf, over that of all i: pi^2/6.
          select weight, flat, slope, term, heading, gain, ts_rank('{1,1,1,1}', tsv, term) as rank
          from words
          offset 0
        ) ranks
        where rank > 0
        offset 0
      ) occurrences
    )
  from found;
end;

-- bm25_planned(...) is bm25() for a search by words alone, which takes hardly longer than its planning. Without a filter its
-- plan is kept for the session. With one it is made for that filter's value, in bm25_filtered(...).
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
language plpgsql stable parallel safe rows 500
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
      select found.chunk_id, found.score
      from bm25_filtered(query, filter, source_prefix, budget, k1, b, heading_weight, summary_weight) found;
  end if;
end
$$;

create function bm25_filtered(
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
language plpgsql stable parallel safe rows 500
set plan_cache_mode = force_custom_plan
set search_path from current
as $$
begin
  return query
    select found.chunk_id, found.score
    from bm25(query, filter, source_prefix, budget, '{}', k1, b, heading_weight, summary_weight) found;
end
$$;
