-- get_profile: the embedding profile, if one was set.
--
-- returns many: provider text, model text, dimensions int4
--
-- psql: \i sql/queries/get_profile.sql
select provider, model, dimensions
from embedding_profile;
