"""Strengths: no such set is shipped, so these are imported from a file of two mission-months in the IPI layout."""

import shutil

import pytest

from conftest import REACHED
from harness import Client, Server, run

HEADER = ('"Date","Mission","Country of Mission","Country of Mission ISO-3","Mission HQ","Mission HQ Longitude","Mission HQ Latitude",'
          '"Mission Continent","Mission Region","Mission - NAM","Mission - G77","Mission - AU","Mission - Arab League","Mission - OIC",'
          '"Mission - CIS","Mission - G20","Mission - EU","Number of Contributors","Troops","Police","Observers","Total"\n')


def month(day, troops, police, observers, total):
    return f'{day},"MINUSMA","Mali","MLI","Bamako",1,2,"Africa","Western Africa",NA,NA,NA,NA,NA,NA,NA,NA,30,{troops},{police},{observers},{total}\n'


@pytest.fixture(scope="module")
def strong(dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("strengths")
    file = folder / "strong.db"
    shutil.copy(dataset, file)
    for known_from, months in (("2017-05-01", [month("2016-12-31", 10, 20, "NA", 30), month("2017-01-31", 11, 21, 1, 33)]),
                               ("2018-05-01", [month("2016-12-31", 10, 20, "NA", 30), month("2017-01-31", 12, 21, 1, 34)])):
        published = folder / f"{known_from}.csv"
        published.write_text(HEADER + "".join(months))
        done = run("import", "strength", published, "--into", file, "--known-from", known_from)
        assert done.returncode == 0, done.stderr
    server = Server(file, workers=1)
    yield Client(server, REACHED)
    server.stop()


def shown(rows):
    return [(row["date"], row["category"], row["personnel"]["best"]) for row in rows]


def test_a_mission_has_its_strength_by_day_and_category(strong):
    rows = strong.get("/v1/strengths", mission="minusma", sort="date,category").data
    assert shown(rows) == [("2016-12-31", "police", 20), ("2016-12-31", "troops", 10), ("2016-12-31", "uniformed", 30),
                           ("2017-01-31", "observers", 1), ("2017-01-31", "police", 21), ("2017-01-31", "troops", 12),
                           ("2017-01-31", "uniformed", 34)]
    assert strong.get("/v1/missions/minusma/strengths", sort="date,category").data == rows
    assert strong.get(f"/v1/strengths/{rows[0]['id']}").data == rows[0]


def test_a_strength_as_known_before_it_was_revised(strong):
    asked = {"category": "troops", "at": "2017-01-31"}
    assert shown(strong.get("/v1/strengths", asked).data) == [("2017-01-31", "troops", 12)]
    assert shown(strong.get("/v1/strengths", asked, as_of="2017-12-31").data) == [("2017-01-31", "troops", 11)]
    assert strong.get("/v1/strengths", asked, as_of="2016").data == []


def test_strengths_are_not_added_up(strong):
    """Who stays a year is there on every day of it."""
    strong.get("/v1/strengths/stats", status=404)
