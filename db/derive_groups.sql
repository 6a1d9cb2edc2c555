-- Which values go together in casualties: run behind db/derive.sql. DISTINCT keeps what it met in a small tree; + keeps it
-- from sorting a million rows by an index first.
DELETE FROM casualty_groups;
INSERT INTO casualty_groups (series, kind, victim_group, personnel_type, cause, harm, definition, source, known_from)
SELECT DISTINCT +series, kind, victim_group, personnel_type, cause, harm, definition, source, known_from FROM casualties
ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9;
