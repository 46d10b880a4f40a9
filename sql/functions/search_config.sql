-- search_config: the text search configuration of this store.
--
-- Chunks and questions both use it, so they cannot disagree.
--
-- returns regconfig
-- called by: stemmer_fingerprint, text_terms, word_form, store_facts.sql
-- inlined: yes
-- stored data: version 1
--
-- The language is fixed when the store is made. This block reads it and writes the function.
do $$
begin
  execute format(
    'create or replace function search_config() returns regconfig language sql immutable parallel safe return %L::regconfig',
    (select language from store_settings)
  );
end
$$;
