-- 0003_scopes: make room for functions with other parameters. The start makes the new ones after this.

insert into schema_version (version, name) values (3, 'scopes');

-- They take the places of the chunks that pass a filter now.
drop function if exists keyword_ranking(text, int4, text, text, text[]);
drop function if exists bm25(text, text, text, int4, text[]);

-- It returns a value instead of a table now.
drop function if exists is_complete(int8, int4, text, text);
