-- duplicates: texts, and embeddings, that several chunks share. The most common are at the top.
--
-- Equal texts waste room, and they crowd other chunks out of the results. Equal embeddings of different texts come from
-- a model that saw only a part of them, or from one that failed. It reads every chunk, so it takes its time.
--
-- psql: \i sql/inspect/duplicates.sql
with shared as (
  select 'text' as what, min(chunk_id) as first_id, max(chunk_id) as last_id, count(*) as chunks, count(distinct text) as texts
  from chunks
  group by md5(text)
  having count(*) > 1
  union all
  -- record_send gives the bytes of any type. The column is a vector or a halfvec.
  select 'embedding', min(chunk_id), max(chunk_id), count(*), count(distinct md5(text))
  from chunks
  group by md5(record_send(row(embedding)))
  having count(*) > 1
)
select s.what, s.chunks, s.texts, s.first_id, s.last_id, left(regexp_replace(c.text, '\s+', ' ', 'g'), 60) as first_text
from shared s
join chunks c on c.chunk_id = s.first_id
order by s.chunks desc, s.what, s.first_id
limit 25;
