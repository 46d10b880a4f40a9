-- integrity: what is wrong with the database file, or one row "ok".
--
-- returns many: problem text
pragma quick_check;
