--
-- PostgreSQL database dump
--

\restrict xgnOQ819YdgnutF1huebqdZdnk25TqWYocW9KRdxDbzeUeYph8hYbSGGonoshJL

-- Dumped from database version 16.14
-- Dumped by pg_dump version 16.14

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: agent_brain; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA agent_brain;


--
-- Name: matches(jsonb, text, text); Type: FUNCTION; Schema: agent_brain; Owner: -
--

CREATE FUNCTION agent_brain.matches(metadata jsonb, filter text, source_prefix text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((((NULLIF(filter, ''::text))::jsonpath IS NULL) OR (metadata @@ (NULLIF(filter, ''::text))::jsonpath)) AND ((source_prefix = ''::text) OR (("left"((metadata ->> 'source'::text), 512) COLLATE "C") ^@ "left"(source_prefix, 512))));


--
-- Name: plan_query(text, integer); Type: FUNCTION; Schema: agent_brain; Owner: -
--

CREATE FUNCTION agent_brain.plan_query(query text, budget integer, OUT terms tsquery[], OUT weights double precision[], OUT flat double precision, OUT slope double precision, OUT field_weights real[], OUT field_gain double precision, OUT shortest_first boolean, OUT always_scored tsquery, OUT combined tsquery, OUT heaviest tsquery) RETURNS record
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET plan_cache_mode TO 'force_generic_plan'
    SET search_path TO 'agent_brain', 'public', 'pg_temp'
    AS $$
declare
  third constant int4 := budget / 3;
begin
  with settings as materialized (
    select k1, b, heading_weight - 1 as heading, summary_weight - 1 as summary
    from ranking_settings()
  ),
  size as (
    select greatest(sum(chunks), 1)::float8 as chunks, greatest(sum(tokens), 1)::float8 as tokens
    from chunk_counts
  ),
  question as (
    -- One row for each term of the question. A term that was not counted yet is new, or nowhere: rare in any case.
    select
      word.lexeme as term,
      quoted(word.lexeme) as quoted,
      cardinality(word.positions) as times,
      coalesce(known.df, 0) as counted,
      greatest(known.df, 1)::float8 as df,
      greatest(size.chunks, known.df) as chunks
    from unnest(to_tsvector(search_config(), searchable(query))) as word
    left join term_statistics known on known.term = word.lexeme
    cross join size
  ),
  weighed as (
    select
      question.*,
      times * ln(1 + (chunks - df + 0.5) / (df + 0.5)) * (k1 + 1) as weight,
      budget <= 0
        or least(chunks, sum(df) over ()) <= budget
        or sum(df) over (order by df / times, term) <= third as is_rare
    from question, settings
  ),
  commons as (
    -- The six rarest of the others, each with a bit of its own.
    select *, 1 << (row_number() over (order by df / times, term) - 1)::int4 as bit
    from weighed
    where not is_rare
    order by df / times, term
    limit 6
  ),
  impacts as (
    -- A level that was not counted yet is rare, as a term is.
    select
      quoted(commons.term || ' ' || level) as quoted,
      coalesce(known.df, 0) as counted,
      sum(greatest(known.df, 1)) over (order by weight * density / (density + k1) desc, level desc, commons.term) as up_to
    from commons
    cross join settings
    cross join unnest(impact_levels()) with ordinality as levels (density, level)
    left join term_statistics known on known.term = commons.term || ' ' || level
    where octet_length(commons.term) <= 2000
  ),
  rare_or_dense as (
    -- 1 and 2.
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
    -- What the last combination that fits weighs. If none fits: what all words together weigh.
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
    array_agg(quoted::tsquery order by term),
    array_agg(weight order by term),
    min(k1 * (1 - b)),
    min(k1 * b * size.chunks / size.tokens),
    (select array[0, 0, summary / widest, heading / widest]::float4[] from settings, greatest(heading, summary, 1e-9) as widest),
    (select 1.64493406685 * greatest(heading, summary, 0) from settings),
    bool_and(b > 0.6),
    (select any_of from rare_or_dense),
    coalesce(
      -- Minimal ones: without its lightest word it is not heavy enough.
      (select string_agg(quoted, ' | ') from ranked where weight >= least and without_one < least),
      -- Rather too many than none: the chunks that are most about a word, or have it.
      (select quoted from impacts where counted > 0 and (select chunks from rare_or_dense) = 0 order by up_to limit 1),
      (select quoted from commons where (select chunks from rare_or_dense) = 0 order by bit limit 1)
    )::tsquery,
    (select string_agg(quoted, ' | ') from ranked where weight >= heavy and without_one < heavy)::tsquery
  into terms, weights, flat, slope, field_weights, field_gain, shortest_first, always_scored, combined, heaviest
  from weighed, size, settings;
end
$$;


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: chunks; Type: TABLE; Schema: agent_brain; Owner: -
--

CREATE TABLE agent_brain.chunks (
    chunk_id text NOT NULL COLLATE pg_catalog."C",
    text text NOT NULL,
    metadata jsonb NOT NULL,
    tsv tsvector NOT NULL,
    tokens integer NOT NULL,
    embedding public.vector(16) NOT NULL
);
ALTER TABLE ONLY agent_brain.chunks ALTER COLUMN tsv SET STORAGE MAIN;


--
-- Name: bm25(text, text, text, integer, text[]); Type: FUNCTION; Schema: agent_brain; Owner: -
--

CREATE FUNCTION agent_brain.bm25(query text, filter text, source_prefix text, budget integer, also text[]) RETURNS TABLE(chunk_id text, score double precision, by_words boolean)
    LANGUAGE sql STABLE PARALLEL SAFE
    BEGIN ATOMIC
 WITH question AS MATERIALIZED (
          SELECT plan_query.terms,
             plan_query.weights,
             plan_query.flat,
             plan_query.slope,
             plan_query.field_weights,
             plan_query.field_gain,
             plan_query.shortest_first,
             plan_query.always_scored,
             plan_query.combined,
             plan_query.heaviest
            FROM agent_brain.plan_query(bm25.query, bm25.budget) plan_query(terms, weights, flat, slope, field_weights, field_gain, shortest_first, always_scored, combined, heaviest)
         ), question_terms AS MATERIALIZED (
          SELECT each.term,
             each.weight,
             question.flat,
             question.slope,
             question.field_weights,
             question.field_gain
            FROM question,
             LATERAL UNNEST(question.terms, question.weights) each(term, weight)
         ), together AS MATERIALIZED (
          SELECT chunks_1.ctid,
             chunks_1.tokens,
             chunks_1.chunk_id
            FROM agent_brain.chunks chunks_1
           WHERE ((chunks_1.tsv @@ ( SELECT question.combined
                    FROM question)) AND agent_brain.matches(chunks_1.metadata, bm25.filter, bm25.source_prefix))
         ), heavy AS MATERIALIZED (
          SELECT chunks_1.ctid,
             chunks_1.tokens,
             chunks_1.chunk_id
            FROM agent_brain.chunks chunks_1
           WHERE ((( SELECT count(*) AS count
                    FROM ( SELECT
                            FROM together
                          LIMIT (GREATEST(bm25.budget, 0) + (1)::bigint)) found) > bm25.budget) AND (chunks_1.tsv @@ ( SELECT question.heaviest
                    FROM question)) AND agent_brain.matches(chunks_1.metadata, bm25.filter, bm25.source_prefix))
         )
  SELECT chunks.chunk_id,
     ( SELECT COALESCE((round((sum(((occurrences.weight * occurrences.tf) / ((occurrences.tf + occurrences.flat) + (occurrences.slope * (chunks.tokens)::double precision)))) * ('1000000000'::numeric)::double precision)) / ('1000000000'::numeric)::double precision), (0)::double precision) AS "coalesce"
            FROM ( SELECT question_terms.weight,
                     question_terms.flat,
                     question_terms.slope,
                     (round((((1)::double precision / ((1.64493406685)::double precision - ((1.64493406685)::double precision * ts_rank('{1,1,1,1}'::real[], chunks.tsv, question_terms.term)))) - (0.5)::double precision)) + (round(((question_terms.field_gain * ts_rank(question_terms.field_weights, chunks.tsv, question_terms.term)) * ('100000'::numeric)::double precision)) / ('100000'::numeric)::double precision)) AS tf
                    FROM question_terms
                   WHERE (chunks.tsv @@ question_terms.term)
                  OFFSET 0) occurrences) AS "coalesce",
     ((chunks.chunk_id <> ALL (bm25.also)) OR (chunks.tsv @@ ( SELECT question.always_scored
            FROM question)) OR (chunks.tsv @@ ( SELECT question.combined
            FROM question)))
    FROM agent_brain.chunks
   WHERE ((chunks.ctid = ANY (ARRAY( SELECT chunks_1.ctid
            FROM agent_brain.chunks chunks_1
           WHERE (((chunks_1.tsv @@ ( SELECT question.always_scored
                    FROM question)) OR ((cardinality(bm25.also) > 0) AND (chunks_1.chunk_id = ANY (bm25.also))) OR ((bm25.budget < 0) AND ((bm25.filter || bm25.source_prefix) <> ''::text))) AND agent_brain.matches(chunks_1.metadata, bm25.filter, bm25.source_prefix))
         UNION ALL
         ( SELECT found.ctid
            FROM (( SELECT 1 AS turn,
                     heavy.ctid,
                     heavy.tokens,
                     heavy.chunk_id
                    FROM heavy
                  LIMIT (5 * (GREATEST(bm25.budget, 0))::bigint))
                 UNION ALL
                 ( SELECT 2,
                     together.ctid,
                     together.tokens,
                     together.chunk_id
                    FROM together
                  LIMIT (5 * (GREATEST(bm25.budget, 0))::bigint))) found
           ORDER BY found.turn,
                 CASE
                     WHEN ( SELECT question.shortest_first
                        FROM question) THEN found.tokens
                     ELSE NULL::integer
                 END, (found.chunk_id COLLATE "C")
          LIMIT GREATEST(bm25.budget, 0))))) AND ((bm25.budget >= 0) OR (chunks.tsv @@ ( SELECT question.always_scored
            FROM question))));
END;


--
-- Name: search_config(); Type: FUNCTION; Schema: agent_brain; Owner: -
--

CREATE FUNCTION agent_brain.search_config() RETURNS regconfig
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 'english'::regconfig;


--
-- Name: searchable(text); Type: FUNCTION; Schema: agent_brain; Owner: -
--

CREATE FUNCTION agent_brain.searchable(text text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET plan_cache_mode TO 'force_generic_plan'
    BEGIN ATOMIC
 SELECT concat(regexp_replace(seams.seamed, '[-!-,/:-@\[-`{-~]+|\.(?=[A-Za-z][A-Za-z0-9_])'::text, ' '::text, 'g'::text), ( SELECT string_agg((' '::text || translate(names.name[1], '_'::text, ''::text)), ''::text) AS string_agg
            FROM regexp_matches(seams.seamed, '[A-Za-z\u0080-\U0010ffff][A-Za-z0-9\u0080-\U0010ffff]*(?:_+[A-Za-z0-9\u0080-\U0010ffff]+)+'::text, 'g'::text) names(name)), ( SELECT string_agg((' '::text || translate(paths.path[1], '-./:\_'::text, ''::text)), ''::text) AS string_agg
            FROM regexp_matches(seams.seamed, '[A-Za-z\u0080-\U0010ffff][A-Za-z0-9\u0080-\U0010ffff_-]*(?:(?:[/\\]+|::)[A-Za-z0-9\u0080-\U0010ffff_-]+|\.[A-Za-z\u0080-\U0010ffff][A-Za-z0-9\u0080-\U0010ffff_-]+)+'::text, 'g'::text) paths(path))) AS concat
    FROM ( SELECT regexp_replace((searchable.text COLLATE "C"), '([A-Za-z0-9][A-Za-z0-9]\.(?=[A-Za-z](?![A-Za-z0-9_]))|[a-z](?=[A-Z])|[A-Z](?=[A-Z](?!s(?![a-z]))[a-z])|(?<=[A-Z])[A-Z](?=s(?![a-z]))|[A-Za-z](?=[0-9])|[0-9](?=[A-Za-z][A-Za-z]))'::text, '\1_'::text, 'g'::text) AS regexp_replace
          OFFSET 0) seams(seamed);
END;


--
-- Name: chunk_terms(text, jsonb); Type: FUNCTION; Schema: agent_brain; Owner: -
--

CREATE FUNCTION agent_brain.chunk_terms(text text, metadata jsonb) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((CASE WHEN (metadata ?| ARRAY['title'::text, 'file_name'::text, 'filename'::text, 'section_title'::text, 'heading_path'::text, 'symbol_name'::text]) THEN setweight(to_tsvector(agent_brain.search_config(), agent_brain.searchable("left"(concat_ws(' '::text, (metadata ->> 'title'::text), (metadata ->> 'file_name'::text), (metadata ->> 'filename'::text), (metadata ->> 'section_title'::text), (metadata ->> 'heading_path'::text), (metadata ->> 'symbol_name'::text)), 10000))), 'A'::"char") ELSE ''::tsvector END || CASE WHEN (metadata ?| ARRAY['summary'::text, 'section_summary'::text]) THEN setweight(to_tsvector(agent_brain.search_config(), agent_brain.searchable("left"(concat_ws(' '::text, (metadata ->> 'summary'::text), (metadata ->> 'section_summary'::text)), 10000))), 'B'::"char") ELSE ''::tsvector END) || to_tsvector(agent_brain.search_config(), agent_brain.searchable(CASE WHEN (octet_length(text) > 200000) THEN "left"(text, 50000) ELSE text END)));


--
-- Name: count_changes(); Type: FUNCTION; Schema: agent_brain; Owner: -
--

CREATE FUNCTION agent_brain.count_changes() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'agent_brain', 'public', 'pg_temp'
    AS $$
begin
  if tg_op = 'INSERT' then
    insert into chunk_counts
    select count(*), sum(tokens), count(*) from new_rows having count(*) > 0;
  elsif tg_op = 'DELETE' then
    insert into chunk_counts
    select -count(*), -sum(tokens), count(*) from old_rows having count(*) > 0;
  elsif tg_op = 'UPDATE' then
    insert into chunk_counts
    select 0, (select sum(tokens) from new_rows) - sum(tokens), count(*) from old_rows having count(*) > 0;
  else
    truncate chunk_counts;  -- waits for whoever is adding it up
    update term_statistics_state set changes = 0;
  end if;
  return null;
end
$$;


--
-- Name: distance(public.vector, public.vector); Type: FUNCTION; Schema: agent_brain; Owner: -
--

CREATE FUNCTION agent_brain.distance(a public.vector, b public.vector) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (a OPERATOR(public.<=>) b);


--
-- Name: impact_levels(); Type: FUNCTION; Schema: agent_brain; Owner: -
--

CREATE FUNCTION agent_brain.impact_levels() RETURNS double precision[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN '{1,1.4,2,2.8,4,5.7,8,11.3,16,22.6}'::double precision[];


--
-- Name: is_complete(bigint, integer, text, text); Type: FUNCTION; Schema: agent_brain; Owner: -
--

CREATE FUNCTION agent_brain.is_complete(found bigint, k integer, filter text, source_prefix text) RETURNS TABLE(complete boolean)
    LANGUAGE sql STABLE PARALLEL SAFE
    BEGIN ATOMIC
 SELECT ((found = k) OR (found = ( SELECT count(*) AS count
            FROM agent_brain.chunks
           WHERE agent_brain.matches(chunks.metadata, is_complete.filter, is_complete.source_prefix))));
END;


--
-- Name: is_stored(text, jsonb, public.vector, text, jsonb, public.vector); Type: FUNCTION; Schema: agent_brain; Owner: -
--

CREATE FUNCTION agent_brain.is_stored(text text, metadata jsonb, embedding public.vector, given_text text, given_metadata jsonb, given_embedding public.vector) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (NOT (((text IS DISTINCT FROM given_text) OR ((metadata)::text IS DISTINCT FROM (given_metadata)::text)) OR (public.vector_send(embedding) IS DISTINCT FROM public.vector_send(given_embedding))));


--
-- Name: keyword_ranking(text, integer, text, text, text[]); Type: FUNCTION; Schema: agent_brain; Owner: -
--

CREATE FUNCTION agent_brain.keyword_ranking(query text, k integer, filter text, source_prefix text, also text[]) RETURNS TABLE(chunk_id text, score double precision)
    LANGUAGE plpgsql STABLE ROWS 50 PARALLEL SAFE
    SET plan_cache_mode TO 'force_generic_plan'
    SET search_path TO 'agent_brain', 'public', 'pg_temp'
    AS $_$
declare
  -- How many chunks to score. -1 means: every match, found by the filter.
  budget       int8 := (select s.budget from ranking_settings() s);
  first_budget constant int8 := budget;
  ids          text[];
  scores       float8[];
  found        int8;  -- how many chunks the words have brought in
  with_a_word  int8;  -- at most so many chunks have a word of the question
  passing      int8;  -- so many pass the filter, up to one more than the first budget; null without a filter
begin
  loop
    if filter = '' and source_prefix = '' and also = '{}' then
      select array_agg(best.chunk_id), array_agg(best.score), count(*)
      into ids, scores, found
      from (
        select b.chunk_id, b.score
        from bm25(query, '', '', budget::int4, '{}') b
        order by b.score desc, b.chunk_id collate "C"
        limit k
      ) best;
    else
      execute
        'select array_agg(chunk_id), array_agg(score), coalesce(max(by_words_alone), 0)
         from (
           select
             chunk_id, score,
             row_number() over (order by score desc, chunk_id collate "C") as place,
             count(*) filter (where by_words) over () as by_words_alone
           from bm25($1, $2, $3, $4, $5)
         ) ranked
         where place <= $6 or chunk_id = any($5)'
      into ids, scores, found
      using query, filter, source_prefix, budget::int4, also, k;
    end if;
    exit when found >= k or budget <= 0;
    if with_a_word is null then
      select coalesce(sum(greatest(known.df, 1)), 0)
      into with_a_word
      from unnest(to_tsvector(search_config(), searchable(query))) as word
      left join term_statistics known on known.term = word.lexeme;
    end if;
    exit when budget >= with_a_word;
    if passing is null and filter || source_prefix <> '' then
      execute 'select count(*) from (select from chunks where matches(metadata, $1, $2) limit $3) passed'
      into passing
      using filter, source_prefix, first_budget + 1;
    end if;
    if passing <= first_budget then
      exit when found = passing;
      budget := -1;
    else
      budget := case when 10 * budget < least(with_a_word, 2147483647) then 10 * budget else 0 end;
    end if;
  end loop;
  return query select * from unnest(ids, scores);
end
$_$;


--
-- Name: matched_words(text[], tsquery[], tsvector); Type: FUNCTION; Schema: agent_brain; Owner: -
--

CREATE FUNCTION agent_brain.matched_words(words text[], forms tsquery[], tsv tsvector) RETURNS text[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET plan_cache_mode TO 'force_generic_plan'
    BEGIN ATOMIC
 SELECT COALESCE(array_agg(shown.word ORDER BY shown.place), '{}'::text[]) AS "coalesce"
    FROM UNNEST(matched_words.words, matched_words.forms) WITH ORDINALITY shown(word, form, place)
   WHERE (matched_words.tsv @@ shown.form);
END;


--
-- Name: nearest(public.vector, integer, text, text); Type: FUNCTION; Schema: agent_brain; Owner: -
--

CREATE FUNCTION agent_brain.nearest(query_embedding public.vector, k integer, filter text, source_prefix text) RETURNS TABLE(chunk_id text, distance double precision)
    LANGUAGE sql STABLE PARALLEL SAFE
    BEGIN ATOMIC
 SELECT with_ties.chunk_id,
     with_ties.distance
    FROM ( SELECT chunks.chunk_id,
             agent_brain.distance(chunks.embedding, nearest.query_embedding) AS distance
            FROM agent_brain.chunks
           WHERE agent_brain.matches(chunks.metadata, nearest.filter, nearest.source_prefix)
           ORDER BY (agent_brain.distance(chunks.embedding, nearest.query_embedding))
          FETCH FIRST (nearest.k) ROWS WITH TIES) with_ties
   ORDER BY (with_ties.distance + (0)::double precision), with_ties.chunk_id
  LIMIT nearest.k;
END;


--
-- Name: quoted(text); Type: FUNCTION; Schema: agent_brain; Owner: -
--

CREATE FUNCTION agent_brain.quoted(term text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN ((''''::text || replace(replace(term, '\'::text, '\\'::text), ''''::text, ''''''::text)) || ''''::text);


--
-- Name: question_words(text); Type: FUNCTION; Schema: agent_brain; Owner: -
--

CREATE FUNCTION agent_brain.question_words(query text, OUT words text[], OUT forms tsquery[]) RETURNS record
    LANGUAGE sql STABLE PARALLEL SAFE
    BEGIN ATOMIC
 SELECT COALESCE(array_agg(shown.word ORDER BY shown.place), '{}'::text[]) AS "coalesce",
     COALESCE(array_agg(shown.form ORDER BY shown.place), '{}'::tsquery[]) AS "coalesce"
    FROM ( SELECT lower(words.word) AS word,
             min(words.place) AS place,
             (string_agg(agent_brain.quoted(term.term), ' | '::text))::tsquery AS form
            FROM ( SELECT regexp_replace(parts.part, '^[^[:alnum:]]+|[^[:alnum:]]+$'::text, ''::text, 'g'::text) AS word,
                     parts.place
                    FROM regexp_split_to_table(question_words.query, '\s+'::text) WITH ORDINALITY parts(part, place)) words,
             LATERAL unnest(tsvector_to_array(to_tsvector(agent_brain.search_config(), agent_brain.searchable(words.word)))) term(term)
           GROUP BY (lower(words.word))) shown;
END;


--
-- Name: ranking_settings(); Type: FUNCTION; Schema: agent_brain; Owner: -
--

CREATE FUNCTION agent_brain.ranking_settings() RETURNS TABLE(budget integer, k1 double precision, b double precision, heading_weight double precision, summary_weight double precision)
    LANGUAGE sql STABLE PARALLEL SAFE
    BEGIN ATOMIC
 SELECT COALESCE((NULLIF(current_setting('agent_brain.keyword_budget'::text, true), ''::text))::integer, 750) AS "coalesce",
     COALESCE((NULLIF(current_setting('agent_brain.k1'::text, true), ''::text))::double precision, (1.2)::double precision) AS "coalesce",
     COALESCE((NULLIF(current_setting('agent_brain.b'::text, true), ''::text))::double precision, (0.75)::double precision) AS "coalesce",
     COALESCE((NULLIF(current_setting('agent_brain.heading_weight'::text, true), ''::text))::double precision, (3)::double precision) AS "coalesce",
     COALESCE((NULLIF(current_setting('agent_brain.summary_weight'::text, true), ''::text))::double precision, (2)::double precision) AS "coalesce";
END;


--
-- Name: similarity(double precision); Type: FUNCTION; Schema: agent_brain; Owner: -
--

CREATE FUNCTION agent_brain.similarity(distance double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN GREATEST((0)::double precision, LEAST((1)::double precision, ((1)::double precision - distance)));


--
-- Name: with_impacts(tsvector); Type: FUNCTION; Schema: agent_brain; Owner: -
--

CREATE FUNCTION agent_brain.with_impacts(terms tsvector) RETURNS TABLE(tsv tsvector, tokens integer)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    BEGIN ATOMIC
 SELECT (with_impacts.terms || array_to_tsvector(COALESCE(array_agg(((occurrences.term || ' '::text) || GREATEST(width_bucket(((occurrences.frequency)::double precision / occurrences.norm), agent_brain.impact_levels()), 1))) FILTER (WHERE ((occurrences.in_heading OR ((occurrences.frequency)::double precision >= GREATEST(occurrences.norm, LEAST(((2.8)::double precision * occurrences.norm), (3)::double precision)))) AND (octet_length(occurrences.term) <= 2000))), '{}'::text[]))),
     (COALESCE(sum(occurrences.times), (0)::bigint))::integer AS "coalesce"
    FROM ( SELECT unnest.lexeme AS term,
             cardinality(unnest.positions) AS times,
             (unnest.weights[1] = 'A'::text) AS in_heading,
             (cardinality(unnest.positions) +
                 CASE unnest.weights[1]
                     WHEN 'A'::text THEN 2
                     WHEN 'B'::text THEN 1
                     ELSE 0
                 END) AS frequency,
             ((0.25)::double precision + ((length(with_impacts.terms))::double precision / (100)::double precision)) AS norm
            FROM unnest(with_impacts.terms) unnest(lexeme, positions, weights)
          OFFSET 0) occurrences;
END;


--
-- Name: chunk_counts; Type: TABLE; Schema: agent_brain; Owner: -
--

CREATE TABLE agent_brain.chunk_counts (
    chunks bigint NOT NULL,
    tokens bigint NOT NULL,
    changes bigint NOT NULL
);

ALTER TABLE ONLY agent_brain.chunk_counts REPLICA IDENTITY FULL;


--
-- Name: embedding_profile; Type: TABLE; Schema: agent_brain; Owner: -
--

CREATE TABLE agent_brain.embedding_profile (
    only_row boolean DEFAULT true NOT NULL,
    provider text NOT NULL,
    model text NOT NULL,
    dimensions integer NOT NULL,
    CONSTRAINT embedding_profile_only_row_check CHECK (only_row)
);


--
-- Name: expected_indexes; Type: TABLE; Schema: agent_brain; Owner: -
--

CREATE TABLE agent_brain.expected_indexes (
    name text NOT NULL,
    definition text NOT NULL
);


--
-- Name: schema_functions; Type: TABLE; Schema: agent_brain; Owner: -
--

CREATE TABLE agent_brain.schema_functions (
    name text NOT NULL,
    hash text NOT NULL,
    library text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: schema_version; Type: TABLE; Schema: agent_brain; Owner: -
--

CREATE TABLE agent_brain.schema_version (
    version integer NOT NULL,
    name text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: store_settings; Type: TABLE; Schema: agent_brain; Owner: -
--

CREATE TABLE agent_brain.store_settings (
    only_row boolean DEFAULT true NOT NULL,
    dimensions integer NOT NULL,
    distance text NOT NULL,
    language text NOT NULL,
    CONSTRAINT store_settings_distance_check CHECK ((distance = ANY (ARRAY['cosine'::text, 'l2'::text, 'inner_product'::text]))),
    CONSTRAINT store_settings_only_row_check CHECK (only_row)
);


--
-- Name: term_derivation; Type: TABLE; Schema: agent_brain; Owner: -
--

CREATE TABLE agent_brain.term_derivation (
    function text NOT NULL,
    version integer NOT NULL
);


--
-- Name: term_statistics; Type: TABLE; Schema: agent_brain; Owner: -
--

CREATE TABLE agent_brain.term_statistics (
    term text NOT NULL COLLATE pg_catalog."C",
    df integer NOT NULL
);


--
-- Name: term_statistics_state; Type: TABLE; Schema: agent_brain; Owner: -
--

CREATE TABLE agent_brain.term_statistics_state (
    only_row boolean DEFAULT true NOT NULL,
    changes bigint NOT NULL,
    counted_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT term_statistics_state_only_row_check CHECK (only_row)
);


--
-- Data for Name: chunk_counts; Type: TABLE DATA; Schema: agent_brain; Owner: -
--

COPY agent_brain.chunk_counts (chunks, tokens, changes) FROM stdin;
66	334	66
-1	-5	1
\.


--
-- Data for Name: chunks; Type: TABLE DATA; Schema: agent_brain; Owner: -
--

COPY agent_brain.chunks (chunk_id, text, metadata, tsv, tokens, embedding) FROM stdin;
bear	A growling bear frightens quiet cats	{"summary": "Animals in the wood"}	'anim':1B 'anim 6' 'bear':7 'bear 4' 'cat':10 'cat 4' 'frighten':8 'frighten 4' 'growl':6 'growl 4' 'quiet':9 'quiet 4' 'wood':4B 'wood 6'	7	[0.071586356,0.30711553,0.29472885,0.34161392,-0.24132547,-0.16656648,0.2057343,-0.18444757,0.1673327,-0.28228882,-0.30072,0.16924302,0.2746019,-0.42881376,-0.21279222,-0.057701726]
cat	The quiet cat sleeps	{"tags": ["animal", "pet"]}	'cat':3 'cat 4' 'quiet':2 'quiet 4' 'sleep':4 'sleep 4'	3	[0.47469664,0.124638766,0.1544339,0.39329028,0.20649217,-0.24627848,-0.1916637,0.1792433,-0.22559944,0.1235319,-0.03876178,-0.119424716,-0.38568646,0.16141306,0.38949886,-0.0028997986]
code	def getUserById(user_id): return users[user_id]	{"source": "/src/users.py", "language": "python"}	'def':1 'def 4' 'get':2 'get 4' 'getuserbyid':12 'getuserbyid 4' 'id':5,7,11 'id 7' 'return':8 'return 4' 'user':3,6,9,10 'user 8' 'userid':13,14 'userid 6'	13	[0.21945064,-0.23809251,-0.25621378,0.16112544,0.07879859,0.5006696,-0.14015104,0.15772234,0.014310233,-0.04706116,0.17430483,-0.0452909,-0.49592313,0.37848106,0.15141776,-0.23490542]
empty		{}		0	[0.03422154,-0.035956603,0.1743117,0.028551955,-0.14579971,0.09841977,0.35492572,0.25777867,-0.19154426,-0.34442532,-0.16964427,0.011248199,-0.63283217,-0.059551217,-0.3391149,-0.1993102]
guide	How the write-ahead log works	{"page": 3, "title": "Recovery", "source": "/docs/wal.md"}	'ahead':5 'ahead 4' 'log':6 'log 4' 'recoveri':1A 'recoveri 7' 'work':7 'work 4' 'write':4 'write 4'	5	[0.24433956,-0.51919466,-0.24961016,-0.4951909,-0.013412522,-0.041471567,0.33486328,-0.03751611,-0.079725675,0.22712976,0.110682346,0.2923494,0.034460396,0.027771976,0.14357683,-0.26370293]
page000	Page 0 of the manual, chapter 0	{"page": 0}	'0':2,7 '0 6' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.220766,0.21571328,0.0568958,0.39531446,0.18510625,-0.010932817,0.18171798,-0.20289256,-0.011668773,0.19992267,-0.059368756,0.09054301,-0.29303306,0.21993475,-0.30278286,0.5990858]
page001	Page 1 of the manual, chapter 1	{"page": 1}	'1':2,7 '1 6' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.35259232,0.20078434,0.059458885,-0.15226151,0.16003668,0.1865454,-0.08801481,-0.35736653,-0.09484516,-0.35686854,-0.21080928,0.018348798,0.3435723,0.3962281,0.011017634,0.3955869]
page002	Page 2 of the manual, chapter 2	{"page": 2}	'2':2,7 '2 6' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.3365211,-0.122708626,0.1338933,-0.12872334,0.42752483,0.13373926,0.10704954,0.062946364,-0.039814673,0.008214586,-0.41353515,-0.0105013205,-0.17495254,0.20500116,-0.61185145,0.03664904]
page003	Page 3 of the manual, chapter 3	{"page": 3}	'3':2,7 '3 6' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.18508062,-0.17953569,0.038504623,0.39987096,0.10001666,-0.029452084,-0.1508673,0.287354,-0.17376508,-0.27730975,-0.28330064,0.088438526,-0.03776854,0.6411381,-0.2146248,0.046954814]
page004	Page 4 of the manual, chapter 4	{"page": 4}	'4':2,7 '4 6' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.17407069,0.0034805734,0.010716354,0.15281594,0.3112348,0.4515393,0.07551263,-0.065279245,-0.44703496,0.12360421,-0.37939495,0.30829465,0.23490274,-0.12562528,0.13941224,0.30166236]
page005	Page 5 of the manual, chapter 5	{"page": 5}	'5':2,7 '5 6' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.3549696,-0.23612842,0.22654977,-0.064534225,-0.076796174,0.33609754,0.31934425,0.19640131,0.20078012,0.06162381,-0.3169285,0.15932794,0.025765995,0.28382042,-0.34759912,0.36242902]
page006	Page 6 of the manual, chapter 6	{"page": 6}	'6':2,7 '6 6' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.09297203,-0.08236975,0.25977823,0.46155047,0.054460924,0.4351308,-0.09331954,-0.06936445,0.11542717,-0.08886786,0.25647306,-0.46525732,-0.14736404,0.071165524,-0.20462753,0.35512847]
page007	Page 7 of the manual, chapter 0	{"page": 7}	'0':7 '0 4' '7':2 '7 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.37267706,-0.22593154,0.010045771,0.44906062,0.055807807,0.10377386,0.27350643,-0.2853325,0.029864755,0.30364594,-0.09782628,0.24045382,-0.23015638,0.20578353,-0.20927237,0.37230623]
page008	Page 8 of the manual, chapter 1	{"page": 8}	'1':7 '1 4' '8':2 '8 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.28679538,0.13584399,0.24370341,0.071000114,0.22798906,0.3842375,0.03341225,-0.041911006,-0.25714394,-0.22437729,-0.18644004,-0.048792217,0.16651587,0.26154128,-0.23051244,0.5740174]
page009	Page 9 of the manual, chapter 2	{"page": 9}	'2':7 '2 4' '9':2 '9 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.36746424,-0.047035187,0.23993266,0.12204128,0.33749625,0.20703131,-0.047890786,-0.04399962,-0.03785424,0.06895755,-0.41784334,-0.07562963,-0.094681755,0.30546242,-0.5372546,0.2277837]
page010	Page 10 of the manual, chapter 3	{"page": 10}	'10':2 '10 4' '3':7 '3 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.15278746,-0.012737638,0.023888573,0.29594848,0.49421218,0.15737405,-0.038051773,0.14666995,0.03170843,0.11576628,-0.46689498,0.05986684,-0.042992882,0.38893214,-0.17299488,0.42111668]
page011	Page 11 of the manual, chapter 4	{"page": 11}	'11':2 '11 4' '4':7 '4 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.4734995,-0.06366607,-0.03636534,0.13799587,0.10297338,0.41091093,-0.12711734,-0.052414343,-0.49245083,-0.13386093,-0.42727265,-0.007514359,0.046340793,0.21064678,-0.0067189177,0.25181845]
page012	Page 12 of the manual, chapter 5	{"page": 12}	'12':2 '12 4' '5':7 '5 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.2742712,-0.19798571,0.079378836,0.21757072,0.012083536,0.19557421,0.32225204,0.038282324,-0.08231453,-0.06443353,-0.2336341,0.20468308,-0.23967612,0.4610205,-0.2611513,0.4925848]
page013	Page 13 of the manual, chapter 6	{"page": 13}	'13':2 '13 4' '6':7 '6 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.41470256,-0.17861855,0.18361522,0.21973279,0.23075026,0.45531672,-0.11753212,0.083101004,0.009674553,-0.31636488,0.17935097,-0.26217863,-0.1895405,0.2307675,-0.22646235,0.3021463]
page014	Page 14 of the manual, chapter 0	{"page": 14}	'0':7 '0 4' '14':2 '14 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.29026982,0.3442131,0.1428862,0.37008473,0.09400008,-0.072790794,0.2533957,-0.071427666,0.23392895,-0.21080491,-0.07720508,0.3708584,-0.25799882,0.3525831,-0.20223755,0.2863555]
page015	Page 15 of the manual, chapter 1	{"page": 15}	'1':7 '1 4' '15':2 '15 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.34012908,0.13343018,-0.051981334,0.012387391,0.27647084,0.19599618,0.28769904,-0.18779372,-0.027182356,-0.33593974,-0.18452099,-0.1554754,0.079094194,0.56031656,-0.23296934,0.29062867]
page016	Page 16 of the manual, chapter 2	{"page": 16}	'16':2 '16 4' '2':7 '2 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.23552786,-0.118453324,0.16981187,-0.02434714,0.3590287,0.07413231,0.22399396,0.12981495,0.15105551,0.094720945,-0.3698473,-0.005104818,-0.062461052,0.38750148,-0.54837227,0.2761709]
page017	Page 17 of the manual, chapter 3	{"page": 17}	'17':2 '17 4' '3':7 '3 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.20858923,-0.16694078,0.175159,0.5317778,0.025480874,0.03370252,-0.0071983235,-0.124097325,0.0049804742,-0.2706268,-0.3669786,0.15296753,-0.10904888,0.41249898,-0.37572873,0.20823234]
page018	Page 18 of the manual, chapter 4	{"page": 18}	'18':2 '18 4' '4':7 '4 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.25760156,-0.25651893,0.16662283,-0.050723355,0.0735473,0.34168625,-0.112902746,-0.16012083,-0.3601045,-0.017532948,-0.15401734,0.0058747586,0.30229598,0.07335094,-0.2430647,0.60611624]
page019	Page 19 of the manual, chapter 5	{"page": 19}	'19':2 '19 4' '5':7 '5 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.6025725,-0.20232084,0.17924611,0.048132453,0.14853571,0.29222232,0.28439963,0.22794671,0.13452727,0.12610628,-0.28784296,0.20963804,-0.080552846,0.28910378,-0.1525031,0.21702117]
page020	Page 20 of the manual, chapter 6	{"page": 20}	'20':2 '20 4' '6':7 '6 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.4159063,-0.008108346,0.043679956,0.2867792,0.24968722,0.21771583,0.03649931,-0.110741585,-0.09706795,-0.07695818,-0.1111002,-0.4810547,-0.19852863,0.33606055,-0.09808527,0.4454139]
page021	Page 21 of the manual, chapter 0	{"page": 21}	'0':7 '0 4' '21':2 '21 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.042481873,0.14485592,0.073404886,0.25521004,0.2030549,0.19096339,-0.009287071,-0.042585116,-0.20970859,0.31222808,-0.24736828,-0.07796274,-0.37954992,0.39189926,-0.28638256,0.4885715]
page022	Page 22 of the manual, chapter 1	{"page": 22}	'1':7 '1 4' '22':2 '22 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.33902663,-0.038955186,-0.030802384,-0.116886646,0.3539333,0.11715856,-0.023536598,-0.426147,-0.25186306,-0.082599625,-0.12615442,-0.06733748,0.19148462,0.5666681,-0.16443771,0.26880506]
page023	Page 23 of the manual, chapter 2	{"page": 23}	'2':7 '2 4' '23':2 '23 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.5725273,-0.059486967,0.23577341,0.19718786,0.16022389,0.07857591,-0.007055951,-0.011633266,-0.107149296,0.0053390465,-0.33702487,0.06817195,-0.116241716,0.26289493,-0.5350969,0.20850292]
page024	Page 24 of the manual, chapter 3	{"page": 24}	'24':2 '24 4' '3':7 '3 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.4017992,-0.04105612,0.10302591,0.32405043,0.12516084,0.08772872,-0.008655921,0.1356667,-0.22449547,-0.27755147,-0.2688464,0.1374023,-0.06265092,0.5494065,-0.2687514,0.28777784]
page025	Page 25 of the manual, chapter 4	{"page": 25}	'25':2 '25 4' '4':7 '4 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.40569797,0.14381745,0.01254426,-0.16783887,0.15847197,0.21021433,-0.07202651,-0.015792942,-0.352382,-0.117263705,-0.37440372,0.12201598,0.1146159,0.18563461,-0.004299953,0.6091407]
page026	Page 26 of the manual, chapter 5	{"page": 26}	'26':2 '26 4' '5':7 '5 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.47210887,-0.15337136,0.128247,-0.05344617,-0.013442526,0.19426838,0.26824436,0.1574913,0.06541155,0.1637725,-0.3420893,-0.09810442,0.05816036,0.38873655,-0.34717038,0.40845016]
page027	Page 27 of the manual, chapter 6	{"page": 27}	'27':2 '27 4' '6':7 '6 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.43750843,-0.09276011,0.041485474,0.33774152,0.14915259,0.07778815,-0.055341907,0.091637544,0.060593616,-0.18722263,0.12637505,-0.32958066,-0.014217498,0.29448053,-0.20784983,0.592447]
page028	Page 28 of the manual, chapter 0	{"page": 28}	'0':7 '0 4' '28':2 '28 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.19259082,0.13038936,0.19646522,0.45085898,-0.025056856,0.08192913,0.2118228,-0.11143092,-0.1166419,0.279194,-0.1484781,-0.010597271,-0.19683021,0.3257213,-0.12478175,0.60439175]
page029	Page 29 of the manual, chapter 1	{"page": 29}	'1':7 '1 4' '29':2 '29 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.4926673,0.069954105,0.1102392,-0.16763191,0.18621807,0.22933038,-0.034817643,-0.43275592,0.092564605,-0.30994922,-0.41293457,0.010472017,0.19535802,0.26245397,-0.021678064,0.23150499]
page030	Page 30 of the manual, chapter 2	{"page": 30}	'2':7 '2 4' '30':2 '30 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.3875396,-0.012190769,0.066240095,-0.035837963,0.24991567,0.34661913,0.13941163,0.03193947,-0.1227118,-0.03519903,-0.33731878,0.028239831,-0.14535081,0.39601845,-0.54410905,0.18985052]
page031	Page 31 of the manual, chapter 3	{"page": 31}	'3':7 '3 4' '31':2 '31 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.22345936,0.0645827,0.12919322,0.34312013,0.37889773,0.13693891,-0.16434632,0.14516394,-0.16886625,-0.23885266,0.0049348036,0.012237772,-0.067975976,0.5200658,-0.41074717,0.26745418]
page032	Page 32 of the manual, chapter 4	{"page": 32}	'32':2 '32 4' '4':7 '4 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.25173372,-0.02972029,-0.17984371,-0.05436861,0.24018425,0.57224065,-0.09262413,0.19001012,-0.40021303,-0.009388328,-0.1828756,0.23300302,0.22298199,-0.019920964,0.093000434,0.4047923]
page033	Page 33 of the manual, chapter 5	{"page": 33}	'33':2 '33 4' '5':7 '5 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.18231018,-0.19761461,0.25498882,-0.027556268,-0.07485859,0.5907105,0.31054556,0.07223013,0.27061576,-0.09384011,-0.24840492,0.09036843,0.076812945,0.18901815,-0.38073087,0.25930673]
page034	Page 34 of the manual, chapter 6	{"page": 34}	'34':2 '34 4' '6':7 '6 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.06213101,-0.13229258,0.2424517,0.2548797,0.07119429,0.438201,-0.019983191,-0.12704705,0.082009315,0.020554526,0.15332209,-0.24238928,-0.13933711,0.25767782,-0.42041776,0.5378577]
page035	Page 35 of the manual, chapter 0	{"page": 35}	'0':7 '0 4' '35':2 '35 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.4060263,0.3325563,0.0143721225,0.2900139,0.091219574,0.14036703,0.0979377,-0.0804122,-0.032599565,0.17638656,-0.08609359,0.15577494,-0.36858624,0.24996836,-0.23178859,0.52937096]
page036	Page 36 of the manual, chapter 1	{"page": 36}	'1':7 '1 4' '36':2 '36 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.21905163,0.116279595,0.009100469,-0.20137814,0.15066512,0.1334923,-0.082976975,-0.21906096,-0.28454104,-0.18894747,-0.10062341,-0.020327969,0.31696,0.42126015,-0.07323968,0.6260795]
page037	Page 37 of the manual, chapter 2	{"page": 37}	'2':7 '2 4' '37':2 '37 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.4478777,0.008708329,0.090543866,-0.05243956,0.35380584,0.3260856,0.03388888,-0.1291007,0.050844274,0.012820648,-0.4455372,-0.05833594,-0.06604289,0.20891942,-0.48782986,0.22002918]
page038	Page 38 of the manual, chapter 3	{"page": 38}	'3':7 '3 4' '38':2 '38 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.35309255,-0.17776164,-0.0062960875,0.18519858,-0.0012457557,0.3163837,-0.0913327,0.19681686,-0.09077408,0.20101362,-0.4261458,0.07625643,-0.21717034,0.5916729,-0.09659638,0.13991886]
page039	Page 39 of the manual, chapter 4	{"page": 39}	'39':2 '39 4' '4':7 '4 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.06269597,-0.21831839,0.004439553,0.23100676,0.43686232,0.47576013,0.20550072,0.045728724,-0.40457764,-0.30216193,-0.0087000085,0.20551382,-0.1594906,0.086227566,-0.012146222,0.32122874]
page040	Page 40 of the manual, chapter 5	{"page": 40}	'40':2 '40 4' '5':7 '5 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.5380118,-0.23374966,0.10688689,-0.1267386,0.1693297,0.46045417,0.16935046,-0.20603898,-0.08580752,-0.02196582,-0.35788858,0.32324335,-0.068250254,0.15705399,-0.190282,0.10318673]
page041	Page 41 of the manual, chapter 6	{"page": 41}	'41':2 '41 4' '6':7 '6 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.28552073,0.028678596,0.16737688,0.3384753,-0.053570557,0.4801981,-0.10605438,-0.102867484,0.07653889,-0.04683065,-0.15131265,-0.1715447,-0.45617035,0.19244894,-0.43037647,0.17046803]
page042	Page 42 of the manual, chapter 0	{"page": 42}	'0':7 '0 4' '42':2 '42 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.4628869,0.14991783,0.0668296,0.28113598,0.16053337,0.18713112,0.062335555,0.0025666845,-0.27011994,0.25951293,-0.0516739,0.15052424,-0.18694125,0.35268,-0.25280952,0.47559756]
page043	Page 43 of the manual, chapter 1	{"page": 43}	'1':7 '1 4' '43':2 '43 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.3110276,0.157675,0.17518888,-0.1253249,0.3868974,0.18023928,-0.09437235,-0.30776492,-0.2368849,-0.24464841,-0.1614756,0.05940094,0.22117776,0.35608616,-0.08280219,0.46696734]
page044	Page 44 of the manual, chapter 2	{"page": 44}	'2':7 '2 4' '44':2 '44 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.33012995,0.028299458,-0.0813344,-0.09304335,0.39485988,0.50082064,0.0038767597,0.01726023,-0.12517622,0.056761198,-0.36137524,-0.16918316,-0.106067084,0.3317483,-0.3892995,0.13009697]
page045	Page 45 of the manual, chapter 3	{"page": 45}	'3':7 '3 4' '45':2 '45 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.38256747,0.08790481,-0.043922264,0.11742964,0.08600783,0.046438787,-0.2175308,0.17346935,-0.06106716,-0.3541397,-0.33510804,-0.016459813,-0.044099234,0.62027985,-0.06808693,0.33194986]
page046	Page 46 of the manual, chapter 4	{"page": 46}	'4':7 '4 4' '46':2 '46 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.39769667,-0.075218186,-0.025879567,0.18120658,0.14503095,0.41787714,-0.1791569,0.050850224,-0.09560824,0.10474862,-0.3921575,0.033312272,0.16361721,-0.18863776,-0.15971757,0.55629206]
page047	Page 47 of the manual, chapter 5	{"page": 47}	'47':2 '47 4' '5':7 '5 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.51640666,-0.25832403,0.08796557,-0.059464302,0.06609587,0.35529232,0.15011449,0.027434846,0.14109303,0.027393738,-0.2700904,0.0616512,-0.16149269,0.29355362,-0.27421042,0.46537971]
page048	Page 48 of the manual, chapter 6	{"page": 48}	'48':2 '48 4' '6':7 '6 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.083041385,-0.14278932,0.30836046,0.57964885,0.06194087,0.13342956,0.15594576,-0.025406111,0.14274752,-0.122886546,0.19778244,-0.35421273,0.16950041,0.15944676,-0.08458084,0.4833856]
page049	Page 49 of the manual, chapter 0	{"page": 49}	'0':7 '0 4' '49':2 '49 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.32795855,0.0513088,0.0144135095,0.33522686,0.03060474,0.26217905,-0.016395802,-0.14030296,0.09764608,0.2820636,-0.09929433,-0.061368633,-0.27728033,0.44477877,-0.34739292,0.43529657]
page050	Page 50 of the manual, chapter 1	{"page": 50}	'1':7 '1 4' '50':2 '50 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.498405,0.19519703,0.24028851,-0.006979669,0.09819592,0.20316231,-0.15391402,-0.15257095,-0.0672531,-0.12738104,-0.32747898,-0.0032655708,0.2633129,0.4945872,-0.15505025,0.30302748]
page051	Page 51 of the manual, chapter 2	{"page": 51}	'2':7 '2 4' '51':2 '51 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.25732532,-0.17778808,0.23254561,0.12652826,0.326995,0.20903257,-0.03323675,0.08496534,-0.028229265,-0.03310858,-0.58288634,0.15156108,-0.017159462,0.30413634,-0.37255695,0.2773657]
page052	Page 52 of the manual, chapter 3	{"page": 52}	'3':7 '3 4' '52':2 '52 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.32012016,-0.10166426,0.029374916,0.20702036,0.057917975,0.048389826,-0.057428624,0.0058213235,-0.39070007,-0.32200104,-0.039976683,0.03409268,-0.17963497,0.60657597,-0.08856125,0.40902475]
page053	Page 53 of the manual, chapter 4	{"page": 53}	'4':7 '4 4' '53':2 '53 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.23226853,0.09502808,0.14436959,0.1067856,0.18985191,0.20600139,-0.011136566,-0.30563185,-0.32605964,0.12344919,-0.1717743,0.18871102,0.14741895,0.33282387,0.050552275,0.64111435]
page054	Page 54 of the manual, chapter 5	{"page": 54}	'5':7 '5 4' '54':2 '54 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.37765276,-0.36297026,0.33572885,-0.15915436,0.12616402,0.096894406,0.1828334,0.11089446,0.18482621,-0.20029296,-0.13848236,0.089285634,-0.082491554,0.20369844,-0.31928802,0.51467025]
page055	Page 55 of the manual, chapter 6	{"page": 55}	'55':2 '55 4' '6':7 '6 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.22822477,-0.1317761,0.12620209,0.46676457,0.19028759,0.42549348,-0.13076869,-0.01892016,0.004069261,-0.2144639,-0.09094086,-0.27169013,-0.139761,0.3067849,-0.42252177,0.20437227]
page056	Page 56 of the manual, chapter 0	{"page": 56}	'0':7 '0 4' '56':2 '56 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.3836247,0.08266171,0.13687001,0.3105588,0.4609666,0.04454906,0.21645086,-0.103032365,0.07339855,0.12749341,-0.20413116,0.053427994,-0.12912321,0.21988402,-0.29149967,0.49266386]
page057	Page 57 of the manual, chapter 1	{"page": 57}	'1':7 '1 4' '57':2 '57 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.31665272,-0.06139944,0.10252803,0.13755727,0.31203565,0.21144873,-0.020745892,-0.13055937,-0.12298819,0.10001616,-0.346003,-0.014016123,0.3606472,0.46583793,-0.2658405,0.37972072]
page058	Page 58 of the manual, chapter 2	{"page": 58}	'2':7 '2 4' '58':2 '58 4' 'chapter':6 'chapter 4' 'manual':5 'manual 4' 'page':1 'page 4'	5	[0.45121458,-0.1422665,0.14197198,0.13043857,0.31558442,0.04074569,-0.1129591,0.0826767,-0.30382445,0.09317636,-0.2936425,0.002745212,-0.1600642,-0.0038735736,-0.6149723,0.16460675]
ümlaut	Über die Brücke geht der Bär	{"source": "/docs/de/brücke.md"}	'brücke':3 'brücke 4' 'bär':6 'bär 4' 'der':5 'der 4' 'die':2 'die 4' 'geht':4 'geht 4' 'über':1 'über 4'	6	[0.22485475,0.17569591,0.08325863,0.47995663,-0.30037662,-0.39053065,0.34686142,0.2258764,-0.080502406,0.1857541,0.34046283,-0.16098264,0.003137775,-0.25762826,-0.13413382,0.004241264]
\.


--
-- Data for Name: embedding_profile; Type: TABLE DATA; Schema: agent_brain; Owner: -
--

COPY agent_brain.embedding_profile (only_row, provider, model, dimensions) FROM stdin;
t	test	hashed	16
\.


--
-- Data for Name: expected_indexes; Type: TABLE DATA; Schema: agent_brain; Owner: -
--

COPY agent_brain.expected_indexes (name, definition) FROM stdin;
chunks_tsv_gin	CREATE INDEX chunks_tsv_gin ON agent_brain.chunks USING gin (tsv) WITH (gin_pending_list_limit='256')
chunks_metadata_gin	CREATE INDEX chunks_metadata_gin ON agent_brain.chunks USING gin (metadata jsonb_path_ops) WITH (gin_pending_list_limit='256')
chunks_source_btree	CREATE INDEX chunks_source_btree ON agent_brain.chunks USING btree ("left"((metadata ->> 'source'::text), 512) COLLATE "C")
\.


--
-- Data for Name: schema_functions; Type: TABLE DATA; Schema: agent_brain; Owner: -
--

COPY agent_brain.schema_functions (name, hash, library, applied_at) FROM stdin;
ranking_settings	866316cc9d3ed42f5135c2ecb7ab4bb5	0.1.0	2026-11-28 18:59:56.97381+00
search_config	7941f4497f4cf3f6a83f15f8bf7bc497	0.1.0	2026-11-28 18:59:56.97381+00
is_stored	2e3e1d9985982e5d0e40ef5cdb06c217	0.1.0	2026-11-28 18:59:56.97381+00
distance	d581add89dfe3713abf6a66bb86933ea	0.1.0	2026-11-28 18:59:56.97381+00
similarity	63e1f7f49610955cd18b3001744f7a5c	0.1.0	2026-11-28 18:59:56.97381+00
matches	b3c2c4b0001b77c158497462be3ae143	0.1.0	2026-11-28 18:59:56.97381+00
nearest	e068cac95b703a9bd3931b69a34f9eed	0.1.0	2026-11-28 18:59:56.97381+00
is_complete	d6d7165925c42d663d6b366092344a4d	0.1.0	2026-11-28 18:59:56.97381+00
count_changes	96eb2378a91419c8be81452c4399ea45	0.1.0	2026-11-28 18:59:56.97381+00
quoted	0b0506c7a8ec7626a96ecab62a7474c3	0.1.0	2026-11-28 18:59:56.97381+00
searchable	8c18dc4e50527d9b3e17f904c99ee4d5	0.1.0	2026-11-28 18:59:56.97381+00
chunk_terms	4230b609317d5decf362a66961292b2f	0.1.0	2026-11-28 18:59:56.97381+00
impact_levels	73d70dbcc98f9317dbd65ffbb399fabd	0.1.0	2026-11-28 18:59:56.97381+00
with_impacts	98e5504eb00695badb77001b06141033	0.1.0	2026-11-28 18:59:56.97381+00
question_words	723777a133dc23746af5e1d5378f43ee	0.1.0	2026-11-28 18:59:56.97381+00
matched_words	1d390593140a6d4d00ccec7cd20ad8f2	0.1.0	2026-11-28 18:59:56.97381+00
plan_query	45232fa9e69f9f9c549091a0f3ff0da7	0.1.0	2026-11-28 18:59:56.97381+00
bm25	e5439c0dbe44ff7527d6e89b359ffcd3	0.1.0	2026-11-28 18:59:56.97381+00
keyword_ranking	d7983c9acd8528ba278b9259d56cd299	0.1.0	2026-11-28 18:59:56.97381+00
\.


--
-- Data for Name: schema_version; Type: TABLE DATA; Schema: agent_brain; Owner: -
--

COPY agent_brain.schema_version (version, name, applied_at) FROM stdin;
1	store	2026-11-28 18:59:56.97381+00
2	indexes	2026-11-28 18:59:56.97381+00
\.


--
-- Data for Name: store_settings; Type: TABLE DATA; Schema: agent_brain; Owner: -
--

COPY agent_brain.store_settings (only_row, dimensions, distance, language) FROM stdin;
t	16	cosine	english
\.


--
-- Data for Name: term_derivation; Type: TABLE DATA; Schema: agent_brain; Owner: -
--

COPY agent_brain.term_derivation (function, version) FROM stdin;
search_config	1
searchable	1
chunk_terms	1
impact_levels	1
with_impacts	1
\.


--
-- Data for Name: term_statistics; Type: TABLE DATA; Schema: agent_brain; Owner: -
--

COPY agent_brain.term_statistics (term, df) FROM stdin;
bär 4	1
37 4	1
13	1
def 4	1
page	60
work 4	1
die 4	1
34	1
brücke 4	1
18	1
32	1
6 4	7
2	9
42 4	1
22 4	1
log	1
quiet 4	2
chapter	60
37	1
11 4	1
9	1
4	8
brücke	1
16 4	1
43 4	1
8 4	1
13 4	1
wood	1
45	1
geht	1
write	1
36	1
29 4	1
manual 4	60
der 4	1
31	1
11	1
18 4	1
43	1
work	1
quiet	2
die	1
49	1
12	1
geht 4	1
54	1
10	1
2 4	8
7	1
47 4	1
manual	60
15	1
52	1
cat 4	2
cat	2
45 4	1
0 6	1
40	1
6 6	1
27 4	1
20 4	1
userid	1
sleep	1
54 4	1
3 4	8
log 4	1
ahead	1
ahead 4	1
user	1
über	1
return 4	1
49 4	1
29	1
chapter 4	60
21	1
17 4	1
23 4	1
36 4	1
56	1
17	1
id 7	1
getuserbyid	1
58 4	1
frighten	1
22	1
3	9
4 6	1
48 4	1
28 4	1
24 4	1
39 4	1
bear	1
wood 6	1
1 4	8
56 4	1
get 4	1
7 4	1
der	1
53 4	1
28	1
39	1
19	1
23	1
20	1
25	1
14	1
6	8
26 4	1
38	1
5 4	7
get	1
50 4	1
41 4	1
10 4	1
0	9
return	1
58	1
über 4	1
3 6	1
38 4	1
growl	1
33	1
frighten 4	1
30	1
user 8	1
32 4	1
59 4	1
51	1
46	1
44 4	1
recoveri	1
33 4	1
53	1
27	1
21 4	1
57 4	1
40 4	1
30 4	1
recoveri 7	1
42	1
bär	1
4 4	7
47	1
55	1
5	8
5 6	1
userid 6	1
44	1
59	1
55 4	1
46 4	1
2 6	1
def	1
51 4	1
14 4	1
34 4	1
1	9
57	1
25 4	1
id	1
0 4	8
sleep 4	1
bear 4	1
24	1
anim	1
35 4	1
48	1
35	1
getuserbyid 4	1
41	1
31 4	1
write 4	1
growl 4	1
52 4	1
50	1
16	1
15 4	1
26	1
9 4	1
1 6	1
page 4	60
anim 6	1
12 4	1
19 4	1
8	1
\.


--
-- Data for Name: term_statistics_state; Type: TABLE DATA; Schema: agent_brain; Owner: -
--

COPY agent_brain.term_statistics_state (only_row, changes, counted_at) FROM stdin;
t	66	2026-11-28 18:59:57.099341+00
\.


--
-- Name: chunks chunks_pkey; Type: CONSTRAINT; Schema: agent_brain; Owner: -
--

ALTER TABLE ONLY agent_brain.chunks
    ADD CONSTRAINT chunks_pkey PRIMARY KEY (chunk_id);


--
-- Name: embedding_profile embedding_profile_pkey; Type: CONSTRAINT; Schema: agent_brain; Owner: -
--

ALTER TABLE ONLY agent_brain.embedding_profile
    ADD CONSTRAINT embedding_profile_pkey PRIMARY KEY (only_row);


--
-- Name: expected_indexes expected_indexes_pkey; Type: CONSTRAINT; Schema: agent_brain; Owner: -
--

ALTER TABLE ONLY agent_brain.expected_indexes
    ADD CONSTRAINT expected_indexes_pkey PRIMARY KEY (name);


--
-- Name: schema_functions schema_functions_pkey; Type: CONSTRAINT; Schema: agent_brain; Owner: -
--

ALTER TABLE ONLY agent_brain.schema_functions
    ADD CONSTRAINT schema_functions_pkey PRIMARY KEY (name);


--
-- Name: schema_version schema_version_pkey; Type: CONSTRAINT; Schema: agent_brain; Owner: -
--

ALTER TABLE ONLY agent_brain.schema_version
    ADD CONSTRAINT schema_version_pkey PRIMARY KEY (version);


--
-- Name: store_settings store_settings_pkey; Type: CONSTRAINT; Schema: agent_brain; Owner: -
--

ALTER TABLE ONLY agent_brain.store_settings
    ADD CONSTRAINT store_settings_pkey PRIMARY KEY (only_row);


--
-- Name: term_derivation term_derivation_pkey; Type: CONSTRAINT; Schema: agent_brain; Owner: -
--

ALTER TABLE ONLY agent_brain.term_derivation
    ADD CONSTRAINT term_derivation_pkey PRIMARY KEY (function);


--
-- Name: term_statistics term_statistics_pkey; Type: CONSTRAINT; Schema: agent_brain; Owner: -
--

ALTER TABLE ONLY agent_brain.term_statistics
    ADD CONSTRAINT term_statistics_pkey PRIMARY KEY (term);


--
-- Name: term_statistics_state term_statistics_state_pkey; Type: CONSTRAINT; Schema: agent_brain; Owner: -
--

ALTER TABLE ONLY agent_brain.term_statistics_state
    ADD CONSTRAINT term_statistics_state_pkey PRIMARY KEY (only_row);


--
-- Name: chunks_embedding_ann; Type: INDEX; Schema: agent_brain; Owner: -
--

CREATE INDEX chunks_embedding_ann ON agent_brain.chunks USING hnsw (embedding public.vector_cosine_ops) WITH (m='16', ef_construction='64');


--
-- Name: chunks_metadata_gin; Type: INDEX; Schema: agent_brain; Owner: -
--

CREATE INDEX chunks_metadata_gin ON agent_brain.chunks USING gin (metadata jsonb_path_ops) WITH (gin_pending_list_limit='256');


--
-- Name: chunks_source_btree; Type: INDEX; Schema: agent_brain; Owner: -
--

CREATE INDEX chunks_source_btree ON agent_brain.chunks USING btree ("left"((metadata ->> 'source'::text), 512) COLLATE "C");


--
-- Name: chunks_tsv_gin; Type: INDEX; Schema: agent_brain; Owner: -
--

CREATE INDEX chunks_tsv_gin ON agent_brain.chunks USING gin (tsv) WITH (gin_pending_list_limit='256');


--
-- Name: chunks chunks_count_delete; Type: TRIGGER; Schema: agent_brain; Owner: -
--

CREATE TRIGGER chunks_count_delete AFTER DELETE ON agent_brain.chunks REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION agent_brain.count_changes();


--
-- Name: chunks chunks_count_insert; Type: TRIGGER; Schema: agent_brain; Owner: -
--

CREATE TRIGGER chunks_count_insert AFTER INSERT ON agent_brain.chunks REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION agent_brain.count_changes();


--
-- Name: chunks chunks_count_truncate; Type: TRIGGER; Schema: agent_brain; Owner: -
--

CREATE TRIGGER chunks_count_truncate AFTER TRUNCATE ON agent_brain.chunks FOR EACH STATEMENT EXECUTE FUNCTION agent_brain.count_changes();


--
-- Name: chunks chunks_count_update; Type: TRIGGER; Schema: agent_brain; Owner: -
--

CREATE TRIGGER chunks_count_update AFTER UPDATE ON agent_brain.chunks REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION agent_brain.count_changes();


--
-- PostgreSQL database dump complete
--

\unrestrict xgnOQ819YdgnutF1huebqdZdnk25TqWYocW9KRdxDbzeUeYph8hYbSGGonoshJL

