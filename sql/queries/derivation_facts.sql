-- derivation_facts: the version of each function by which the stored terms were derived.
--
-- returns many: function text, version int4
--
-- psql: \i sql/queries/derivation_facts.sql
select function, version
from term_derivation
order by function;
