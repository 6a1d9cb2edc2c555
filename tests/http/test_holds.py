"""What must hold of the dataset that we ship: each test is one sentence about the world or about the answers."""

import pytest


def best(rows):
    return sum(row["deaths"]["best"] for row in rows)


def place_ids(row):
    """Every place that a row names in any field."""
    for value in row.values():
        for thing in value if isinstance(value, list) else [value]:
            if isinstance(thing, dict) and "iso3" in thing:
                yield thing["id"]


def names_of(row):
    return (row["from_actor"]["id"], row["to_actor"]["id"])


# ---- missions ----


def test_there_were_71_peacekeeping_operations(api):
    answer = api.get("/v1/missions", category="pko")
    assert answer.meta["total"] == 71
    assert len(answer.data) == 71
    assert answer.headers["X-Total-Count"] == "71"


def test_minusma_was_established_on_25_april_2013_by_resolution_2100(api):
    mission = api.get("/v1/missions/minusma").data
    assert mission["start"] == "2013-04-25"
    assert any(symbol.startswith("S/RES/2100") for symbol in mission["resolutions"])
    assert mission["status"] == "ended"
    assert mission["end"].startswith("2023-12")
    assert mission["places"] == [{"id": "mli", "name": "Mali", "iso3": "MLI"}]
    assert mission["sources"]


def test_the_establishment_of_minusma_is_a_fact_with_a_source(api):
    facts = api.get("/v1/facts", subject="minusma", predicate="established").data
    assert [fact["start"] for fact in facts] == ["2013-04-25"]
    assert facts[0]["claim"] and facts[0]["source"]


@pytest.mark.parametrize("asked, other", [("niger", "nga"), ("nigeria", "ner"), ("mali", "som"), ("somalia", "mli")])
def test_a_place_is_not_one_whose_name_contains_it(api, collections, asked, other):
    n_rows = 0
    for name in collections:
        document = api.document.document
        parameters = document["paths"][f"/v1/{name}"]["get"]["parameters"]
        if "place" not in [api.document.resolve(parameter)["name"] for parameter in parameters]:
            continue
        if not {"place", "places"} & set(api.document.schemas[f"/v1/{name}"]["properties"]["data"]["items"]["properties"]):
            continue  # test_timeline.py: those rows do not show where
        wanted = set(api.get("/v1/places", name=asked).ids) | {
            row["id"] for row in api.all("/v1/places", part_of=asked)}
        for row in api.all(f"/v1/{name}", place=asked):
            n_rows += 1
            places = [row["place"]["id"]] if row.get("place") else [place["id"] for place in row.get("places", [])]
            assert wanted & set(places), f"{row['id']} is in {places}"
            # A mission over several countries names others as well; one that is only in the other is a mistake.
            assert set(places) != {other}
    assert asked not in ("mali", "somalia") or n_rows > 0


def test_a_country_is_found_by_name_code_and_number(api):
    for spelling in ("mli", "MLI", "ML", "466", "Mali", "MALI", "mali"):
        assert api.get("/v1/places", name=spelling).ids == ["mli"], spelling
        assert "minusma" in api.get("/v1/missions", place=spelling).ids, spelling


def test_the_code_na_is_namibia_and_not_a_null(api):
    assert api.get("/v1/places", iso2="NA").ids == ["nam"]
    assert api.get("/v1/places", name="NA").ids == ["nam"]
    assert api.get("/v1/places/nam").data["iso2"] == "NA"
    assert "nam" not in api.get("/v1/places", iso2__isnull="true", limit=10000).ids


# ---- casualties ----


@pytest.mark.parametrize("as_of, deaths", [(None, 311), ("2023-11-28", 311), ("2021-06-10", 249)])
def test_deaths_in_minusma_add_up_as_known_then(api, as_of, deaths):
    params = {"mission": "minusma", "series": "un-fatalities"} | ({"as_of": as_of} if as_of else {})
    rows = list(api.walk("/v1/casualties", params, limit=7))
    assert best(rows) == deaths
    assert len({row["id"] for row in rows}) == len(rows)


@pytest.mark.parametrize("as_of, deaths", [(None, 4429), ("2023-11-28", 4350), ("2021-06-10", 4117)])
def test_deaths_in_all_missions_add_up_as_known_then(api, as_of, deaths):
    params = {"series": "un-fatalities"} | ({"as_of": as_of} if as_of else {})
    assert best(api.all("/v1/casualties", params)) == deaths


@pytest.mark.parametrize("as_of, deaths", [(None, 88), ("2023-11-28", 83), ("2021-06-10", 63)])
def test_deaths_by_illness_in_minusma_are_revised(api, as_of, deaths):
    params = {"mission": "minusma", "series": "un-fatalities", "cause": "illness"}
    assert best(api.all("/v1/casualties", params | ({"as_of": as_of} if as_of else {}))) == deaths


def test_the_day_before_a_state_was_published_it_was_not_known(api):
    params = {"mission": "minusma", "series": "un-fatalities"}
    assert best(api.all("/v1/casualties", params, as_of="2023-11-27")) == 249
    assert api.all("/v1/casualties", params, as_of="2021-06-09") == []


def test_missions_deaths_are_those_under_the_mission(api):
    flat = api.all("/v1/casualties", mission="minusma")
    assert api.all("/v1/missions/minusma/casualties") == flat
    assert flat


# ---- claims ----


def test_more_than_300_keeps_its_words_beside_its_rivals(api):
    rows = api.all("/v1/claims", subject="minusma", predicate="deaths")
    vague = [row for row in rows if row["number"] and row["number"]["text"] == "more than 300"]
    assert vague
    for row in vague:
        assert row["number"] == {"low": 301, "best": None, "high": None, "qualifier": "more_than",
                                 "text": "more than 300", "unit": "person"}
    rivals = [row for row in rows if row["number"] and row["number"]["best"] is not None]
    assert rivals
    for row in vague + rivals:
        assert row["reported_by"]["id"] and row["known_from"]


def numbers(rows):
    return {value for row in rows if row["number"] for value in row["number"].values() if isinstance(value, int)}


def test_moura_in_june_2022_is_300_and_203_and_not_yet_500(api):
    rows = api.all("/v1/claims", place="moura", as_of="2022-06-01")
    assert {300, 203} <= numbers(rows)
    assert 500 not in numbers(rows)


def test_moura_in_june_2023_is_at_least_500_too(api):
    rows = api.all("/v1/claims", place="moura", as_of="2023-06-01")
    assert {300, 203, 500} <= numbers(rows)
    at_least = [row for row in rows if row["number"] and row["number"]["low"] == 500]
    assert "ohchr-moura-report" in {row["reported_by"]["id"] for row in at_least}
    for row in at_least:
        assert row["asserted_by"]["id"] == "ohchr"
        assert row["number"]["qualifier"] == "at_least"
        assert row["number"]["best"] is row["number"]["high"] is None


def test_a_place_finds_what_happened_inside_it(api):
    inside = {row["id"] for row in api.all("/v1/claims", place="moura")}
    assert inside and inside <= {row["id"] for row in api.all("/v1/claims", place="mali")}


# ---- relationships ----


def test_in_january_2022_wagner_stood_beside_the_army_and_france_was_in_mali(api):
    rows = api.all("/v1/relationships", at="2022-01-01")
    pairs = {names_of(row) for row in rows}
    assert any(set(pair) == {"wagner-group", "mali-army"} for pair in pairs)
    assert any("barkhane" in from_actor + to_actor for from_actor, to_actor in pairs)


def test_in_july_2023_barkhane_was_gone(api):
    pairs = {names_of(row) for row in api.all("/v1/relationships", at="2023-07-01")}
    assert not [pair for pair in pairs if "barkhane" in pair[0] + pair[1]]


def test_the_payment_to_wagner_is_alleged_by_somebody_and_keeps_its_words(api):
    rows = [row for row in api.all("/v1/relationships", actor="wagner-group", include="claims") if row["amount"]
            and row["amount"]["unit"] == "usd"]
    assert rows
    for row in rows:
        assert row["amount"]["low"] == 200_000_001
        assert row["amount"]["best"] is row["amount"]["high"] is None
        assert row["amount"]["qualifier"] == "more_than"
        assert row["amount"]["text"] == "more than $200 million"
        assert row["status"] == "alleged"
        claims = [api.get(f"/v1/claims/{claim['id']}").data for claim in row["claims"]]
        assert any(claim["asserted_by"] for claim in claims)
        assert all(claim["modality"] == "alleged" for claim in claims if claim["number"])


# ---- answers ----


def test_a_misspelt_parameter_is_refused_by_name_with_the_right_one(api):
    problem = api.problem("/v1/missions", 400, categry="pko")
    assert problem["param"] == "categry"
    assert problem["did_you_mean"] == "category"
    assert "category" in problem["allowed"]


def is_number(value):
    return isinstance(value, dict) and "low" in value and "best" in value


def foundations(row):
    """Paths of the claims and sources that one row leads to."""
    for field, collection in (("sources", "sources"), ("claims", "claims"), ("source", "sources"), ("claim", "claims"),
                              ("reported_by", "sources")):
        value = row.get(field)
        for thing in value if isinstance(value, list) else [value]:
            if thing:
                yield f"/v1/{collection}/{thing['id']}"


def test_every_number_leads_to_a_claim_or_source_in_one_step(api, collections):
    paths = set()
    n_numbers = 0
    for name in collections:
        for row in api.all(f"/v1/{name}"):
            held = [value for value in row.values() if is_number(value)]
            n_numbers += len(held)
            if held:
                found = set(foundations(row))
                assert found, f"{name}/{row['id']} has a number and no source"
                paths |= found
    assert n_numbers > 1000
    for path in sorted(paths):
        api.get(path, fields="id", check=False)


def counts(value, name=""):
    """Everything that could be a count: every leaf but texts, with the name of its field."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from counts(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from counts(item, name)
    else:
        yield name, value


def test_no_count_is_a_text_or_a_fraction(api, collections):
    for name in collections:
        for row in api.all(f"/v1/{name}"):
            for field, value in counts(row):
                if isinstance(value, float):
                    assert field in ("latitude", "longitude"), f"{name}/{row['id']}: {field} is {value}"
                if field in ("low", "best", "high", "version", "m49", "ucdp_id", "rivals"):
                    assert value is None or type(value) is int, f"{name}/{row['id']}: {field} is {value!r}"


def nested_values(row):
    """Fields of a row, and of the objects that it holds."""
    for field, value in row.items():
        yield field, value
        for thing in value if isinstance(value, list) else [value]:
            if isinstance(thing, dict) and "name" not in thing:
                yield from nested_values(thing)


def test_every_reference_leads_to_a_row(api, collections):
    """An id that stands in a row answers; the fields of the document say in which collection."""
    ids = {name: {row["id"] for row in api.all(f"/v1/{name}", fields="id")} for name in collections}
    where = {"mission": "missions", "place": "places", "places": "places", "nationality": "places", "actors": "actors",
             "from_actor": "actors", "to_actor": "actors", "asserted_by": "actors", "perpetrators": "actors",
             "source": "sources", "sources": "sources", "reported_by": "sources", "derived_from": "sources",
             "claim": "claims", "claims": "claims", "answer": "claims", "origin": "sources", "fact": "facts", "components": "missions"}
    for name in collections:
        for row in api.all(f"/v1/{name}"):
            for field, value in nested_values(row):
                for thing in value if isinstance(value, list) else [value]:
                    if not isinstance(thing, dict) or "id" not in thing:
                        continue
                    if "stands" in thing:  # a claim with what it says
                        assert thing["id"] in ids["claims"]
                        continue
                    collection = thing["kind"] + "s" if "kind" in thing else where.get(field)
                    if name == "meta/definitions" and field == "adds_with" or name == "meta/series" and field == "overlaps":
                        collection = name
                    assert thing["name"], f"{name}/{row['id']}: {field} {thing['id']} has no name"
                    if collection is not None:
                        assert thing["id"] in ids[collection], f"{name}/{row['id']}: {field} {thing['id']}"


@pytest.mark.parametrize("path", ["/v1/", "/openapi.json", "/healthz", "/readyz"])
def test_documents_answer(api, path):
    api.get(path)


def test_every_documented_path_answers(api):
    """Each list, and each path below one item, for an item that has rows there."""
    for path in api.document.document["paths"]:
        needed = api.document.needed(path)
        if "{id}" not in path:
            api.get(path.replace("{collection}", "missions"), needed)
            continue
        stem, _, child = path.partition("/{id}")
        totals = {}
        for row in api.all(stem, needed, fields="id")[:40]:
            answer = api.get(f"{stem}/{row['id']}{child}", needed)
            is_json = answer.headers["Content-Type"] == "application/json" and not path.endswith(".json")
            totals[row["id"]] = answer.meta.get("total") if is_json else True
            if not child or totals[row["id"]]:
                break


def test_readiness_names_the_dataset(api):
    ready = api.get("/readyz").json
    index = api.get("/v1/").json
    assert (ready["release"], ready["digest"]) == (index["dataset"]["release"], index["dataset"]["digest"])
    assert api.get("/v1/missions", limit=1).meta["release"] == ready["release"]


def test_a_permalink_gives_the_same_rows(api):
    for path in ("/v1/missions?category=pko&limit=5&sort=-start", "/v1/missions/minusma", "/v1/facts?subject=minusma"):
        answer = api.get(path)
        again = api.get(answer.meta["permalink"])
        assert again.data == answer.data
        assert again.meta["permalink"] == answer.meta["permalink"]
