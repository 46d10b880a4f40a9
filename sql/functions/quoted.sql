-- quoted: a term as it is written in a tsquery.
--
-- term  text
--
-- returns text
-- called by: question_words, plan_query
-- inlined: yes
create or replace function quoted(term text) returns text language sql immutable strict parallel safe
return '''' || replace(replace(term, '\', '\\'), '''', '''''') || '''';
