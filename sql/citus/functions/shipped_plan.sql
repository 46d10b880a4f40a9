-- shipped_plan: the plan of a question that the coordinator has made, for the shards' versions of bm25().
--
-- A term has to weigh the same on every shard. Only the coordinator knows how many chunks have it. So it calls
-- plan_query() once, and a shard gets what came out of it in place of the question.
--
-- query   text  the row of plan_query(), as JSON
-- budget  int4  0 scores every match
--
-- returns one: the columns of plan_query
-- called by: the shards' versions of bm25
-- inlined: no
create or replace function shipped_plan(
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
language plpgsql stable
set search_path from current
as $$
begin
  select
    p.terms, p.weights, p.flat, p.slope, p.field_weights, p.field_gain, p.shortest_first,
    p.always_scored, p.combined, p.heaviest
  into
    terms, weights, flat, slope, field_weights, field_gain, shortest_first, always_scored, combined, heaviest
  from jsonb_to_record(query::jsonb) as p (
    terms tsquery[], weights float8[], flat float8, slope float8, field_weights float4[], field_gain float8,
    shortest_first bool, always_scored tsquery, combined tsquery, heaviest tsquery
  );
  if budget <= 0 then
    always_scored := (select string_agg(term::text, ' | ') from unnest(terms) as term)::tsquery;
    combined := null;
    heaviest := null;
  end if;
end
$$;
