"""The same answers as a person with FastAPI and Python's sqlite3 would give them: uvicorn peer:app.

BENCH_DATASET is the dataset, BENCH_SQL the directory of the statements. What FastAPI's own conversion of rows would cost on
top is left out: each path returns a ready JSONResponse, and is async, so that no pool of threads stands between.
"""

import os
import sqlite3
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import JSONResponse

db = sqlite3.connect(f"file:{os.environ['BENCH_DATASET']}?immutable=1", uri=True)
db.row_factory = sqlite3.Row
db.execute("PRAGMA mmap_size = 2147483648")
item, page, aggregate = ((Path(os.environ["BENCH_SQL"]) / f"{name}.sql").read_text() for name in ("item", "page", "aggregate"))
app = FastAPI()


def rows(sql, *values):
    return [dict(row) for row in db.execute(sql, values)]


@app.get("/casualties/stats")
async def get_stats(series: str):
    return JSONResponse({"data": rows(aggregate, series)})


@app.get("/casualties/{key}")
async def get_item(key: str):
    found = rows(item, key)
    return JSONResponse({"data": found[0]} if found else {"status": 404}, status_code=200 if found else 404)


@app.get("/casualties")
async def get_page(mission: str, after: str):
    return JSONResponse({"data": rows(page, mission, after)})
