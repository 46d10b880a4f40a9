-- quoted: a term in the quotes that it needs in a tsquery.
--
-- term  text
--
-- returns text
-- called by: question_words, question_names, plan_query, every_word, word_form
-- inlined: yes
create or replace function quoted(term text) returns text language sql immutable strict parallel safe
return '''' || replace(replace(term, '\', '\\'), '''', '''''') || '''';
