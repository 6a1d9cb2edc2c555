-- What casualties add up to: run by `bluehelm build` and `bluehelm import` behind db/derive.sql. The tables are described in
-- db/schema.sql. alike() is in db/sql_alike.h, texts() in db/sql_tally.h.

-- A cell has the columns of its first row: its others are the same there.
DELETE FROM casualty_cells;
INSERT INTO casualty_cells (id, known_from, series, kind, definition, harm, victim_group, mission, place, cause, personnel_type,
    nationality, source, flags_json, date_min, date_max, end_min, end_max, low, best, high, records, may_be_part)
SELECT CASE WHEN kind = 'total' THEN c.id END AS total, CASE WHEN kind = 'total' THEN known_from END,
    series, kind, definition, harm, victim_group, mission, place, cause, personnel_type, nationality, source, flags_json,
    CASE WHEN kind = 'total' THEN date_min ELSE substr(date_min, 1, 4) || '-01-01' END AS date_min,
    CASE WHEN kind = 'total' THEN date_max ELSE substr(date_max, 1, 4) || '-12-31' END AS date_max,
    CASE WHEN kind = 'total' THEN end_min ELSE substr(end_min, 1, 4) || '-01-01' END AS end_min,
    CASE WHEN kind = 'total' THEN end_max ELSE substr(end_max, 1, 4) || '-12-31' END AS end_max,
    value ->> 2, value ->> 3, value ->> 4, value ->> 1, kind = 'total'
FROM json_each((SELECT alike(rowid, low, best, high, date_min, date_max, end_min, end_max, CASE WHEN kind = 'total' THEN rowid END, series, kind, definition, harm,
    victim_group, mission, place, cause, personnel_type, nationality, source, flags_json)
    FROM casualties WHERE known_to IS NULL)) CROSS JOIN casualties c ON c.rowid = value ->> 0
ORDER BY series, definition, harm, mission, place, date_min, date_max, end_min, end_max, source, flags_json, victim_group, kind,
    cause, personnel_type, nationality, total, low IS NULL, best IS NULL, high IS NULL;
UPDATE casualty_cells SET may_be_part = 1 WHERE (series, mission) IN (
    SELECT o.series, c.component FROM missions m JOIN mission_components c ON c.mission = m.id
    JOIN casualty_cells o ON o.mission = m.id WHERE m.category = 'aggregate');

-- Cells of fewer columns.
DELETE FROM casualty_years;
INSERT INTO casualty_years SELECT * FROM casualty_year_sums
ORDER BY series, definition, harm, mission, place, date_min, date_max, end_min, end_max, source, flags_json, victim_group, kind,
    low IS NULL, best IS NULL, high IS NULL;
DELETE FROM casualty_series;
INSERT INTO casualty_series SELECT * FROM casualty_series_sums
ORDER BY series, definition, harm, kind, low IS NULL, best IS NULL, high IS NULL;

-- As db/stats.c adds up: a best or high that some row does not say leaves the sum's open.
DELETE FROM casualty_mission_years;
INSERT INTO casualty_mission_years (series, definition, harm, mission, year, low, best, high, records, unknown, status, sources,
    independent, flags)
SELECT series, definition, harm, mission, year, low, best, high, records, unknown, status,
    (SELECT json_group_array(json_object('id', id, 'name', name)) FROM (SELECT id, name FROM labels
        WHERE kind = 'source' AND id IN (SELECT value FROM json_each(g.sources)) ORDER BY id)),
    (SELECT count(DISTINCT coalesce(origin, id)) FROM sources WHERE id IN (SELECT value FROM json_each(g.sources))),
    (SELECT json_group_array(flag) FROM (SELECT DISTINCT f.value AS flag FROM json_each(g.flags) l, json_each(l.value) f
        ORDER BY flag))
FROM (
    SELECT series, definition, harm, mission,
        CASE WHEN substr(date_min, 1, 4) = substr(end_max, 1, 4) THEN CAST(substr(date_min, 1, 4) AS INTEGER) END AS year,
        sum(low) AS low, CASE WHEN count(best) = count(*) THEN sum(best) END AS best,
        CASE WHEN count(high) = count(*) THEN sum(high) END AS high, sum(records) AS records,
        sum(CASE WHEN coalesce(low, best, high) IS NULL THEN records ELSE 0 END) AS unknown,
        CASE WHEN count(coalesce(low, best, high)) = 0 THEN 'not_reported'
            WHEN count(best) = count(*) AND sum(best) = 0 AND coalesce(sum(high), 0) = 0 THEN 'zero' ELSE 'reported' END AS status,
        texts(source) AS sources, texts(flags_json) AS flags
    FROM casualty_years WHERE kind <> 'total' GROUP BY series, definition, harm, mission, 5
) g ORDER BY series, definition, harm, mission IS NULL, mission, year IS NULL, year;
