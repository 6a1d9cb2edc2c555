# Deaths in UN peacekeeping with R alone: Rscript deaths.R

base <- Sys.getenv("BLUEHELM", "http://localhost:8080")

# columns: id, acronym, name, category, status, start, end
missions <- read.csv(paste0(base, "/v1/missions.csv"))
print(table(missions$category, missions$status))

# columns: time, series, low, best, high, records, unknown, status
deaths <- read.csv(paste0(base, "/v1/series.csv?measure=deaths&bucket=year&by=cause&mission=minusma"))
print(xtabs(best ~ substr(time, 1, 4) + series, deaths))

# columns: source, target, mainStat, detail__status
edges <- read.csv(paste0(base, "/v1/graph/edges.csv?at=2015-01-01"))
print(head(edges[c("source", "mainStat", "target")]))
