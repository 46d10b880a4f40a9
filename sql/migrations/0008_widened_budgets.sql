-- 0008_widened_budgets: make room for functions that also say whether the budget of keyword search became larger.

insert into schema_version (version, name) values (8, 'widened_budgets');

-- The start makes the new ones after this.
drop function if exists hybrid_ranking;
drop function if exists keyword_ranking;
