-- Deaths in UN peacekeeping with DuckDB: duckdb < deaths.duckdb.sql (INSTALL httpfs; LOAD httpfs; once)

-- columns: id, acronym, name, category, status, start, end
CREATE TABLE missions AS FROM read_csv('http://localhost:8080/v1/missions.csv');

-- columns: id, mission, cause, date, deaths_low, deaths_best, deaths_high
CREATE TABLE casualties AS FROM read_json('http://localhost:8080/v1/casualties.ndjson?series=un-fatalities');

SELECT m.acronym, c.cause, sum(c.deaths_best) AS deaths
FROM casualties AS c JOIN missions AS m ON m.id = c.mission
GROUP BY ALL ORDER BY deaths DESC LIMIT 10;
