-- impact_levels: where each of the ten levels of an impact begins. with_impacts() explains what an impact is.
--
-- returns float8[]
-- called by: with_impacts, plan_query
-- inlined: yes
-- stored data: version 1
create or replace function impact_levels() returns float8[] language sql immutable parallel safe
return '{1, 1.4, 2, 2.8, 4, 5.7, 8, 11.3, 16, 22.6}'::float8[];
