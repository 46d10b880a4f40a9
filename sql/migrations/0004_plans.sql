-- 0004_plans: make room for functions with other parameters. The start makes the new ones after this.

insert into schema_version (version, name) values (4, 'plans');

-- matches() takes a jsonpath, and nearest() compares everything itself if the vector index gives up.
drop function if exists keyword_ranking;
drop function if exists bm25;
drop function if exists nearest;
drop function if exists is_complete;
drop function if exists filter_scope;
drop function if exists matches;
