-- What follows from the text alone: run by `bluehelm build` before db/derive.sql. An import writes its own states.

-- The states of the data sets behind the series, as far as the text shows them: the days on which rows begin or end.
INSERT INTO series_states (series, known_on, source)
SELECT series, day, max(source) FROM (
    SELECT series, known_from AS day, source FROM casualties
    UNION SELECT series, known_to, NULL FROM casualties WHERE known_to IS NOT NULL
) GROUP BY series, day ORDER BY series, day;
