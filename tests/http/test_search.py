"""Full-text search: what is found, in which order, as of when; and that nothing a user writes is a failure of ours."""

import contextlib
import csv
import random
import re
import sqlite3
import subprocess
import unicodedata

import pytest
from harness import PROGRAM, ROOT, Client, Server, build, seal

MARKED = re.compile("⟦([^⟦⟧]*)⟧")
KINDS = ["mission", "actor", "place", "event", "source", "claim"]
# Where q= narrows, with words that find some of the rows that are shipped, and not all.
NARROWED = {
    "missions": "mali", "facts": "moura", "claims": "wagner", "disagreements": "moura", "casualties": "unifil", "reconcile": "unifil",
    "coverage": "unifil", "actors": "wagner", "relationships": "wagner", "events": "wagner", "sources": "mali", "places": "guinea",
    "releases": "2021", "meta/fields": "casualties", "meta/codes": "cause", "meta/codes/cause": "illness", "meta/definitions": "civilians",
    "meta/series": "ucdp",
}


# One row of the UCDP Actor Dataset.
ACTORS = ("ActorId,NameData,NameOrig,NameOrigFull,NameOrigFullEng,NewName,NewNameFullMotherTongue,NewNameFullEng,Org,ActorIdPrev,"
          "ActorIdSplitTemp,ActorIdAlliance,ActorIdGroup,Location,Version\n9001,Zapatïsten,,,,,,,1,,,,,Mali,22.1\n")


def plain(text):
    """Without case and accents, for texts that have no stranger letters."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))


def ask(api, q, **more):
    return api.get("/v1/search", {"q": q, **more})


def ids(api, q, **more):
    return ask(api, q, **more).ids


# ---- what is found ----


@pytest.mark.parametrize("q", ["Goita", "Goïta", "GOÏTA", "goi\u0308ta", "goıta"])
def test_case_accents_and_stranger_letters_make_no_difference(api, q):
    assert ids(api, q) == ids(api, "goita") != []
    assert ids(api, q)[0] == "actor-goita"


@pytest.mark.parametrize("q, first", [
    ("MINUSMA", "mission-minusma"), ("minusma", "mission-minusma"), ("Wagner Group", "actor-wagner-group"),
    ("wagner-group", "actor-wagner-group"), ('"Wagner Group"', "actor-wagner-group"), ("Wagner", "actor-wagner-group"),
    ("Mali", "place-mli"), ("MLI", "place-mli"), ("Ivory Coast", "place-civ"), ("cote d'ivoire", "place-civ"), ("Moura", "place-moura"),
    ("mali-coup-2020", "event-mali-coup-2020"), ("hrw-300-men-killed", "claim-hrw-300-men-killed"),
    ("ohchr-moura-report", "source-ohchr-moura-report"),
])
def test_who_is_called_so_comes_first(api, q, first):
    rows = ask(api, q).data
    found = [row["id"] for row in rows if row["score"] >= 1000]
    assert first in found, (found, rows[:3])
    assert rows[0]["score"] >= 1000
    # Of things of one name, missions before actors before places.
    order = [KINDS.index(row["kind"]) for row in rows if row["score"] == rows[0]["score"]]
    assert order == sorted(order)


def test_names_come_before_texts(api):
    rows = ask(api, "goita").data
    named = [plain("goita") in plain(row["title"]) for row in rows]
    assert named == sorted(named, reverse=True) and named[0] and not named[-1]


def test_the_order_is_total_and_a_walk_sees_each_hit_once(api):
    rows = api.all("/v1/search", q="mali")
    assert len(rows) > 50
    assert rows == sorted(rows, key=lambda row: (-row["score"], row["id"]))
    assert len({row["id"] for row in rows}) == len(rows) == ask(api, "mali").meta["total"]
    assert list(api.walk("/v1/search", limit=7, q="mali")) == rows
    assert ask(api, "mali", limit=5, offset=10).data == rows[10:15]


def test_words_are_all_wanted_in_any_order(api):
    both = set(ids(api, "wagner mali", limit=1000))
    assert both == set(ids(api, "mali wagner", limit=1000))
    assert both == set(ids(api, "wagner", limit=1000)) & set(ids(api, "mali", limit=1000)) != set()


def test_a_phrase_is_its_words_behind_each_other(api):
    phrase = set(ids(api, '"wagner group"', limit=1000))
    words = set(ids(api, "wagner group", limit=1000))
    assert phrase < words or phrase == words
    assert phrase and not ids(api, '"group wagner"')
    assert set(ids(api, "wagner-group", limit=1000)) == phrase


def test_a_star_is_the_rest_of_a_word(api):
    assert set(ids(api, "minus*", limit=1000)) >= set(ids(api, "minusma", limit=1000)) | set(ids(api, "minustah", limit=1000))
    assert not ids(api, "minus")


def test_a_minus_leaves_out(api):
    some, less, mali = (set(ids(api, q, limit=1000)) for q in ("wagner", "wagner -mali", "mali"))
    assert less == some - mali and less and less < some


def test_kinds_are_a_filter_and_each_kind_is_found(api):
    rows = api.all("/v1/search", q="mali")
    assert {row["kind"] for row in rows} == set(KINDS)
    for kind in KINDS:
        assert api.all("/v1/search", q="mali", kind=kind) == [row for row in rows if row["kind"] == kind]
    assert api.problem("/v1/search?q=mali&kind=missions", 400)["did_you_mean"] == "mission"


@pytest.mark.parametrize("q", ["mali", "goita", "minusma", '"wagner group"', "kill*", "moura killed", "un*", "france", "2100"])
@pytest.mark.parametrize("suggest", ["0", "1"])
def test_each_hit_leads_somewhere_and_its_marks_are_what_was_asked(api, q, suggest):
    rows = ask(api, q, suggest=suggest, limit=1000).data
    assert rows
    words = [plain(word) for word in re.findall(r"\w+\*?", q)]
    for row in rows[:40] + rows[-10:]:
        answer = api.get(row["href"], fields="id")
        assert answer.json["data"]["id"] == row["thing"]["id"]
        assert row["id"] == f'{row["kind"]}-{row["thing"]["id"]}' and row["thing"]["kind"] == row["kind"]
        marked = [plain(word) for word in MARKED.findall(row["snippet"])]
        assert marked, row
        for word in marked:
            assert any(word.startswith(wanted.rstrip("*")) if wanted.endswith("*") or suggest == "1" else word == wanted
                       for wanted in words), (word, row)
        assert len(re.findall(r"\w+", row["snippet"])) < 60


# ---- as of a day ----


def test_what_was_not_known_is_not_found(api):
    q = "ohchr moura"
    then, now = set(ids(api, q, as_of="2022-06-01")), set(ids(api, q))
    assert then < now
    for row in ask(api, q, as_of="2023-05-11", limit=1000).data:
        assert row["known_from"] is None or row["known_from"] <= "2023-05-11"
    assert "claim-ohchr-at-least-500-killed" not in ids(api, "killed", as_of="2023-05-11", limit=1000)
    assert "claim-ohchr-at-least-500-killed" in ids(api, "killed", as_of="2023-05-12", limit=1000)


@pytest.fixture(scope="module")
def renamed(tmp_path_factory):
    """The world that does not exist, with an actor that is called otherwise from a day on, and texts that are markup."""
    folder = tmp_path_factory.mktemp("renamed")
    for file in (ROOT / "tests" / "fixture").glob("*.csv"):
        (folder / file.name).write_bytes(file.read_bytes())
    with open(folder / "missions.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    second = next(row for row in rows if row["id"] == "unfix" and row["version"] == "2")
    second["acronym"], second["name"] = "UNREFIX", "United Nations Repair Mission"
    second["note"] = "<script>alert(1)</script> & ⟦Tïnville⟧ of Łukasz Sørensen"
    with open(folder / "missions.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    server = Server(build(folder, tmp_path_factory.mktemp("renamed-db") / "renamed.db"))
    yield Client(server)
    server.stop()


def test_versions_of_a_thing_are_one_hit_under_the_name_of_then(renamed):
    now = ask(renamed, "repair", kind="mission").data
    assert [(row["id"], row["title"], row["thing"]["name"]) for row in now] == [("mission-unfix", "UNREFIX", "UNREFIX")]
    assert ids(renamed, "repair", as_of="2020-06-01") == []
    then = ask(renamed, "fixture mission", as_of="2020-06-01", kind="mission").data
    assert [(row["id"], row["title"], row["thing"]["name"]) for row in then] == [("mission-unfix", "UNFIX", "UNFIX")]
    # A name before is a name still.
    assert ids(renamed, "fixture mission", kind="mission") == ["mission-unfix"]
    assert ids(renamed, "UNFIX")[0] == "mission-unfix"
    assert renamed.get("/v1/missions", q="repair").ids == ["unfix"]
    assert renamed.get("/v1/missions", q="repair", as_of="2020-06-01").ids == []


def test_a_snippet_is_plain_text_with_marks_of_its_own(renamed):
    row = ask(renamed, "tinville lukasz sorensen", kind="mission").data[0]
    assert row["snippet"].startswith("<script>alert(1)</script> & [⟦Tïnville⟧] of ⟦Łukasz⟧ ⟦Sørensen⟧")


# ---- suggestions ----


def test_the_last_word_of_a_suggestion_may_be_a_beginning(api):
    assert ids(api, "minus", suggest="1")[0] in ("mission-minusma", "mission-minustah", "mission-minusca")
    assert ids(api, "wagner gr", suggest="1")[0] == "actor-wagner-group"
    assert ids(api, "wagner gr") == []
    assert ids(api, "assimi goi", suggest="1")[0] == "actor-goita"


@pytest.mark.parametrize("q", ["u", "m", "minusma", "mali", "a", "wag"])
def test_suggestions_are_names_each_thing_once(api, q):
    rows = api.all("/v1/search", q=q, suggest="1")
    assert rows
    things = [row["thing"]["id"] for row in rows if row["kind"] in ("mission", "actor")]
    assert len(things) == len(set(things))
    assert "claim" not in {row["kind"] for row in rows}
    # Short titles first: what is whole counts most.
    scores = [row["score"] for row in rows]
    assert scores == sorted(scores, reverse=True)


# ---- what is refused, and what must not fail ----


@pytest.mark.parametrize("q, words", [
    ("", "no word"), ("   ", "no word"), ('""', "no word"), ("*", "no word"), ("?!,.;:", "no word"), ("-mali", "no word"),
    (" ".join("abcdefghijklmnopq"), "16 words"), (" ".join(["x"] * 400), "16 words"), ('"' + " ".join(["x"] * 17) + '"', "16 words"),
])
@pytest.mark.parametrize("path", ["/v1/search", "/v1/missions", "/v1/casualties/stats"])
def test_a_question_without_words_or_with_too_many_is_refused_in_words(api, path, q, words):
    problem = api.problem(path, 400, {"q": q})
    assert problem["param"] == "q" and words in problem["detail"]


def test_words_are_needed(api):
    problem = api.problem("/v1/search", 400)
    assert problem["param"] == "q" and "missing" in problem["detail"]
    assert api.get("/v1/search?q=a&q=b", status=400).json["param"] == "q"
    assert api.get("/v1/search/minusma?q=a", status=404)


HOSTILE = [
    "NEAR(", "NEAR(a b, 2)", "a NEAR b", "title:", "title : mali", "{title names} : mali", "^mali", "mali^", "- mali", "mali AND", "OR", "NOT",
    "AND AND AND", "NOT mali", '"', '"""', '"mali', 'ma"li', "'", "';DROP TABLE documents;--", "mali'--", "\\", "%", "_", "mali\\*", "**", "mali**",
    "*mali", "a* b* c* d* e* f* g* h* i* j* k* l* m* n* o* p*", '"a b"* -"c d"*', "+mali", "(mali)", "((((((((((", "mali)", "[mali]", "$mali",
    "rank", "search", "rowid", "bm25(search)", "x" * 600, "é" * 300, "ﷺ" * 150, "👩‍👩‍👧", "🇲🇱 mali", "\u202emali", "\u0301", "ß" * 300,
    "日本語", "กรุงเทพ", "مالي", "ǅ", "½", "ﬁ", "İstanbul", "a\u200db", "\ufeffmali", "--mali", "-", "mali -", '-"', "«mali»", "„mali“",
]


@pytest.mark.parametrize("suggest", ["0", "1"])
@pytest.mark.parametrize("q", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_is_written_is_answered_or_refused(api, q, suggest):
    for path in ("/v1/search", "/v1/missions", "/v1/meta/fields", "/v1/relationships"):
        params = {"q": q} | ({"suggest": suggest} if path == "/v1/search" else {})
        answer = api.raw(path + "?" + "&".join(f"{name}={quoted(value)}" for name, value in params.items()))
        assert answer.status in (200, 400), (path, q, answer.body[:300])
        if answer.status == 400:
            assert answer.json["code"] == "invalid_parameter", answer.json


def quoted(text):
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("raw", ["%FF", "%C0%AF", "%ED%A0%80", "mali%ED%B0%80", "%F4%90%80%80", "%00", "mali%00", "%E2%80", "mali%FFmali"])
def test_bytes_that_are_no_text_are_refused(api, raw):
    for path in ("/v1/search", "/v1/missions"):
        assert api.raw(f"{path}?q={raw}").status == 400


def test_chance_finds_no_question_that_fails(api):
    chance = random.Random(4)
    pieces = ['"', "*", "-", " ", "(", ")", ":", "^", "NEAR", "AND", "NOT", "OR", "mali", "wagner", "ï", "'", "{", "}", "+", ",", "a", "\t", "ß", "\\"]
    n = 0
    for _ in range(400):
        q = "".join(chance.choice(pieces) for _ in range(chance.randint(1, 12)))
        answer = api.raw(f"/v1/search?q={quoted(q)}&limit=3&suggest={chance.randint(0, 1)}")
        assert answer.status in (200, 400), (q, answer.body[:300])
        n += answer.status == 200
    assert n > 100


# ---- q= on collections ----


def test_every_collection_but_changes_takes_words(api, collections):
    takes = [path.removeprefix("/v1/") for path, item in api.document.document["paths"].items()
             if any(api.document.resolve(one)["name"] == "q" for one in item["get"].get("parameters", ()))]
    assert set(collections) - set(takes) == set()
    problem = api.problem("/v1/changes?since=2021&q=mali", 400)
    assert problem["param"] == "q" and "no meaning" in problem["detail"]


@pytest.mark.parametrize("name", NARROWED)
def test_words_narrow_a_collection_to_some_of_its_rows_in_its_own_order(api, name):
    whole = api.all(f"/v1/{name}", fields="id")
    found = api.all(f"/v1/{name}", fields="id", q=NARROWED[name])
    assert 0 < len(found) < len(whole)
    kept = {row["id"] for row in found}
    assert found == [row for row in whole if row["id"] in kept]
    assert api.get(f"/v1/{name}", q=NARROWED[name], limit=1).meta["total"] == len(found)
    assert list(api.walk(f"/v1/{name}", limit=max(3, len(found) // 5), fields="id", q=NARROWED[name])) == found
    assert api.get(f"/v1/{name}", q="xyzzy").data == []


@pytest.mark.parametrize("name, q, kind", [("missions", "mali", "mission"), ("actors", "wagner", "actor"), ("places", "guinea", "place"),
                                           ("sources", "mali -wagner", "source"), ("missions", "un*", "mission")])
@pytest.mark.parametrize("as_of", [None, "2023-11-28"])
def test_a_collection_has_what_the_search_has(api, name, q, kind, as_of):
    more = {"as_of": as_of} if as_of else {}
    hits = {row["thing"]["id"] for row in api.all("/v1/search", q=q, kind=kind, **more)}
    assert {row["id"] for row in api.all(f"/v1/{name}", q=q, **more)} == hits != set()


def both(api, path, one, other):
    """Rows of both conditions are those of one that are among those of the other."""
    first = {row["id"] for row in api.all(path, one, fields="id")}
    second = {row["id"] for row in api.all(path, other, fields="id")}
    found = {row["id"] for row in api.all(path, {**one, **other}, fields="id")}
    assert found == first & second and found, path


def test_words_compose_with_every_other_condition(api):
    both(api, "/v1/missions", {"q": "mali"}, {"category": "pko"})
    both(api, "/v1/claims", {"q": "wagner"}, {"as_of": "2026-11-24", "status": "disputed"})
    both(api, "/v1/casualties", {"q": "unifil"}, {"cause": "illness"})
    both(api, "/v1/casualties", {"q": "mali"}, {"during": "2022"})
    both(api, "/v1/relationships", {"q": "wagner"}, {"sign": "support"})
    both(api, "/v1/facts", {"q": "moura"}, {"place": "moura"})
    both(api, "/v1/events", {"q": "mali"}, {"kind": "coup"})
    both(api, "/v1/missions/minusma/facts", {"q": "police"}, {"at": "2023-06-30"})
    assert api.get("/v1/missions", q="mali", sort="-start", limit=3).ids != []


def test_sums_are_of_the_rows_that_words_find(api):
    words = api.get("/v1/casualties/stats", q="unifil", group_by="cause").data
    assert words == api.get("/v1/casualties/stats", mission="unifil", group_by="cause").data != []
    less = api.get("/v1/casualties/stats", q="unifil", cause="illness").data
    assert less == api.get("/v1/casualties/stats", mission="unifil", cause="illness").data != []


def test_casualties_are_found_by_mission_place_and_claim(api):
    by_mission = {row["id"] for row in api.all("/v1/casualties", q="unifil", fields="id")}
    assert {row["id"] for row in api.all("/v1/casualties", mission="unifil", fields="id")} <= by_mission
    by_place = {row["id"] for row in api.all("/v1/casualties", q="mali", fields="id")}
    assert {row["id"] for row in api.all("/v1/casualties", place="mali", fields="id")} <= by_place


# ---- the dataset file ----


def test_the_index_is_read_by_any_sqlite(dataset):
    """Whoever downloads the file asks it with what Debian's sqlite3 has."""
    sql = "SELECT kind || ' ' || id FROM search JOIN documents ON document = search.rowid WHERE search MATCH 'Goïta' AND kind = 'actor'"
    try:
        out = subprocess.run(["sqlite3", dataset, sql], capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        pytest.skip("there is no sqlite3 here")
    assert out.splitlines() == ["actor goita"]


def test_an_import_is_found_as_of_its_day_and_leaves_the_index_whole(tmp_path, dataset):
    work = tmp_path / "work.db"
    work.write_bytes(dataset.read_bytes())
    file = tmp_path / "actors.csv"
    file.write_text(ACTORS, encoding="utf-8")
    for _ in range(2):
        done = subprocess.run([PROGRAM, "import", "ucdp-actors", file, "--into", work, "--known-from", "2022-06-01"],
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        check = subprocess.run([PROGRAM, "check", work], capture_output=True, text=True)
        assert check.returncode == 0, check.stderr
    server = Server(work)
    try:
        client = Client(server)
        assert [row["title"] for row in ask(client, "zapatisten", kind="actor").data] == ["Zapatïsten"]
        assert ids(client, "zapatisten", as_of="2022-05-31") == []
        assert ids(client, "goita") != []
    finally:
        server.stop()


def test_an_index_that_differs_from_the_rows_is_found(tmp_path, dataset):
    work = tmp_path / "work.db"
    work.write_bytes(dataset.read_bytes())
    with contextlib.closing(sqlite3.connect(work)) as db, db:
        db.execute("INSERT INTO search (rowid, title) VALUES (1000000, 'stranger')")
    seal(work)
    check = subprocess.run([PROGRAM, "check", work], capture_output=True, text=True)
    assert check.returncode != 0 and "search: 'stranger' of document 1000000" in check.stderr, check.stderr
