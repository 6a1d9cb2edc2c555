-- Deaths in UN peacekeeping with SQLite's shell, which reads a pipe: sqlite3 < deaths.sqlite.sql
.mode box

-- columns: id, acronym, name, category, status, start, end
.import --csv "|curl -sS http://localhost:8080/v1/missions.csv" missions

-- columns: id, mission, cause, date, deaths_low, deaths_best, deaths_high
.import --csv "|curl -sS 'http://localhost:8080/v1/casualties.csv?series=un-fatalities'" casualties

SELECT m.acronym, c.cause, sum(c.deaths_best) AS deaths
FROM casualties AS c JOIN missions AS m ON m.id = c.mission
GROUP BY m.acronym, c.cause ORDER BY deaths DESC, m.acronym, c.cause LIMIT 10;
