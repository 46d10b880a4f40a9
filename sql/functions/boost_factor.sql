-- boost_factor: what the score of a chunk is multiplied by, because it is recent or has a high number in its metadata.
--
-- Each boost gives a factor (1 - weight) + weight * part, and the factors are multiplied. For a time, the part is
-- 2 ^ (-age / half_life). For a number, it is value / (value + scale). If the chunk has no usable value, the part is 0.
-- In Python, agent_brain_store/refining.py does exactly the same.
--
-- Example: a half-life of 30 days with weight 0.3. A chunk of today has the factor 1, one of 30 days ago 0.85, and one
-- without a date 0.7.
--
-- metadata  jsonb   of the chunk
-- boosts    jsonb   an array of objects with key, weight, and half_life (in seconds) or scale
-- now       float8  in Unix seconds
--
-- returns float8
-- called by: vector_search_refined.sql, keyword_search_refined.sql, hybrid_search_refined.sql
-- inlined: no
--
-- psql: select boost_factor('{"stars": 50}', '[{"key": "stars", "weight": 0.2, "scale": 100}]', 0);
create or replace function boost_factor(metadata jsonb, boosts jsonb, now float8) returns float8
language plpgsql stable strict parallel safe
set plan_cache_mode = force_generic_plan
set timezone = 'UTC'
as $$
declare
  boost     jsonb;
  stored    jsonb;
  kind      text;
  weight    float8;
  half_life float8;
  part      float8;
  at        float8;
  factor    float8 := 1;
begin
  for place in 0 .. jsonb_array_length(boosts) - 1 loop  -- not a query of the boosts, which takes twice as long
    boost := boosts -> place;
    weight := (boost -> 'weight')::float8;
    half_life := (boost ->> 'half_life')::float8;
    stored := metadata -> (boost ->> 'key');
    kind := jsonb_typeof(stored);
    part := 0;
    if half_life is not null then
      at := case
        when kind = 'number' then stored::float8
        when kind = 'string'
          and (stored #>> '{}') collate "C" ~
            ('^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?'
              '(?:Z|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?)?)?$')
          and pg_input_is_valid(stored #>> '{}', 'timestamptz')
          then extract(epoch from (stored #>> '{}')::timestamptz)::float8
      end;
      if at is not null then
        at := greatest(0, now - greatest(at, -1e30)) / half_life;
        part := case when at < 1000 then 2 ^ (-at) else 0 end;  -- a number that is too small is an error
      end if;
    elsif kind = 'number' and stored::float8 > 1e-30 then
      part := least(stored::float8, 1e30) / (least(stored::float8, 1e30) + (boost -> 'scale')::float8);
    end if;
    factor := factor * (1 - weight + weight * part);
  end loop;
  return factor;
end
$$;
