-- chunk_terms: the terms of a chunk, from its headings (weight A), its summaries (B) and its text (C and D).
--
-- The headings come first, because bm25() relies on it. A tsvector takes at most 1 MB, and its positions end at 16,383.
-- The names in a long text can take several times the size of the text. So if a text is larger than 200,000 bytes, only
-- its first 50,000 characters are used.
--
-- text      text
-- metadata  jsonb
--
-- returns tsvector
-- called by: upsert_chunks.sql, prepare_terms.sql, rederive_chunks.sql, update_metadata.sql, verify_chunks.sql
-- inlined: no, because it calls concat_ws(), which PostgreSQL does not count as immutable. It keeps its plan for the
--   session. Planned for each chunk, it took 0.1 ms more on PostgreSQL 18.
-- stored data: version 2
create or replace function chunk_terms(text text, metadata jsonb) returns tsvector
language sql immutable parallel safe
set plan_cache_mode = force_generic_plan
return
  case when metadata ?| array['title', 'file_name', 'filename', 'section_title', 'heading_path', 'symbol_name'] then
    setweight(text_terms(left(concat_ws(' ', metadata ->> 'title',
      metadata ->> 'file_name', metadata ->> 'filename', metadata ->> 'section_title',
      metadata ->> 'heading_path', metadata ->> 'symbol_name'), 10000)), 'A')
  else '' end
  || case when metadata ?| array['summary', 'section_summary'] then
    setweight(text_terms(left(concat_ws(' ', metadata ->> 'summary',
      metadata ->> 'section_summary'), 10000)), 'B')
  else '' end
  || text_terms(case when octet_length(text) > 200000 then left(text, 50000) else text end);
