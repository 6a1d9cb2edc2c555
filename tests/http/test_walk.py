"""Pages, order and shape, for every collection of the dataset that we ship."""

import pytest

NAMES = ["missions", "facts", "claims", "disagreements", "casualties", "reconcile", "coverage", "strengths", "actors", "relationships",
         "events", "sources", "places", "releases", "annotations", "meta/fields", "meta/codes", "meta/definitions", "meta/series"]
each = pytest.mark.parametrize("name", NAMES)


def test_these_are_all_collections(collections):
    assert collections == NAMES


@each
def test_a_walk_by_seven_sees_each_row_once_and_equals_one_big_page(api, name):
    """The largest collections are cut to what a walk by seven passes in a few seconds."""
    filters = {"casualties": {"mission": "minusma"}, "claims": {"predicate": "deaths"}}.get(name, {})
    walked = list(api.walk(f"/v1/{name}", filters, limit=7))
    whole = api.all(f"/v1/{name}", filters)
    ids = [row["id"] for row in walked]
    assert len(set(ids)) == len(ids)
    assert walked == whole
    assert api.get(f"/v1/{name}", filters, limit=1).meta["total"] == len(whole)


@each
def test_the_link_header_is_the_next_page(api, name):
    answer = api.get(f"/v1/{name}", limit=1)
    body = answer.json
    if body["meta"]["total"] <= 1:
        assert body["next"] is None and answer.headers["Link"] is None
        return
    assert answer.headers["Link"] == f'<{body["next_url"]}>; rel="next"'
    assert body["next_url"].startswith(f"/v1/{name}?")
    following = api.get(body["next_url"])
    assert following.ids == api.get(f"/v1/{name}", limit=1, offset=1).ids
    whole = api.all(f"/v1/{name}", fields="id")
    last = api.get(f"/v1/{name}", limit=1, offset=len(whole) - 1)
    assert last.json["next"] is None and last.json["next_url"] is None and last.headers["Link"] is None


@each
def test_a_page_that_holds_exactly_all_rows_is_the_last(api, name):
    total = api.get(f"/v1/{name}", limit=1).meta["total"]
    if total > 10000:
        pytest.skip("more rows than one page takes")
    if total == 0:
        pytest.skip("no row is shipped")
    answer = api.get(f"/v1/{name}", limit=total, fields="id")
    assert len(answer.data) == total
    assert answer.json["next"] is None


def is_list_alone(api, name):
    """Whether its rows are lines of an answer, without a path of their own."""
    return f"/v1/{name}/{{id}}" not in api.document.document["paths"]


def first_day(date):
    """The first day that an imprecise date can mean."""
    date = date.rstrip("~?")
    return date + "-01-01"[len(date) - 10:] if len(date) < 10 else date


def sort_value(value):
    """What a row is sorted by, for one field: null is None."""
    if isinstance(value, dict):
        if "low" in value:
            return next((value[part] for part in ("best", "low", "high") if value[part] is not None), None)
        return value["id"]
    return value


def sort_fields(api, name):
    for parameter in api.document.document["paths"][f"/v1/{name}"]["get"]["parameters"]:
        parameter = api.document.resolve(parameter)
        if parameter["name"] == "sort":
            return parameter["schema"]["pattern"].split("(")[1].split(")")[0].split("|")
    return []


def is_date(api, name, field):
    row = api.document.schemas[f"/v1/{name}"]["properties"]["data"]["items"]["properties"]
    return row[field].get("pattern", "").startswith("^[0-9]{4}")


@each
@pytest.mark.parametrize("sign", ["", "-"])
def test_rows_are_sorted_either_way_with_nulls_last(api, name, sign):
    ids = sorted(row["id"] for row in api.all(f"/v1/{name}", fields="id"))
    for field in sort_fields(api, name):
        rows = api.get(f"/v1/{name}", sort=f"{sign}{field}", fields=f"id,{field}", limit=10000, check=False).data
        if len(ids) <= 10000:
            assert sorted(row["id"] for row in rows) == ids
        values = [sort_value(row[field]) for row in rows]
        if is_date(api, name, field):
            values = [value and first_day(value) for value in values]
        said = [value for value in values if value is not None]
        assert values[len(said):] == [None] * (len(values) - len(said)), f"{name} by {sign}{field}: nulls are not last"
        assert said == sorted(said, reverse=sign == "-"), f"{name} by {sign}{field}"


@each
def test_a_walk_over_nulls_sees_each_row_once(api, name):
    """Every nullable key, both ways: the step from the last value to the first null is where cursors fail."""
    total = api.get(f"/v1/{name}", limit=1).meta["total"]
    row = api.document.schemas[f"/v1/{name}"]["properties"]["data"]["items"]["properties"]
    for field in sort_fields(api, name):
        if "null" not in str(row[field].get("type", row[field].get("oneOf", ""))):
            continue
        for sign in ("", "-"):
            limit = max(3, total // 12)
            rows = []
            answer = api.get(f"/v1/{name}", sort=f"{sign}{field}", fields="id", limit=limit, check=False)
            while True:
                rows += answer.ids
                if answer.json["next"] is None:
                    break
                answer = api.get(answer.json["next_url"], check=False)
            assert len(rows) == len(set(rows)) == total, f"{name} by {sign}{field}"


def test_several_sort_keys_count_in_their_order(api):
    rows = api.all("/v1/missions", sort="-category,region,-start", fields="id,category,region,start")
    walked = list(api.walk("/v1/missions", sort="-category,region,-start", fields="id,category,region,start", limit=7))
    assert walked == rows
    assert [row["category"] for row in rows] == sorted((row["category"] for row in rows), reverse=True)


@each
def test_an_offset_leaves_out_as_many_rows(api, name):
    whole = api.get(f"/v1/{name}", limit=30).ids
    for offset in (0, 1, 7, len(whole)):
        assert api.get(f"/v1/{name}", offset=offset, limit=5).ids == api.get(f"/v1/{name}", limit=35).ids[offset:offset + 5]
    beyond = api.get(f"/v1/{name}", offset=100000)
    assert beyond.data == [] and beyond.json["next"] is None


@each
def test_count_none_leaves_out_the_total_alone(api, name):
    counted = api.get(f"/v1/{name}", limit=3)
    plain = api.get(f"/v1/{name}", limit=3, count="none")
    assert "total" not in plain.meta and plain.headers["X-Total-Count"] is None
    assert plain.data == counted.data
    assert counted.headers["X-Total-Count"] == str(counted.meta["total"])


@each
def test_fields_cuts_rows_and_keeps_the_declared_order(api, name):
    whole = api.get(f"/v1/{name}", limit=5).data
    if not whole:
        pytest.skip("no row is shipped")
    names = list(whole[0])
    assert names[0] == "id"
    assert all(list(row) == names for row in whole)
    for wanted in ([names[-1], names[1]], names, [names[2]], ["id"]):
        rows = api.get(f"/v1/{name}", limit=5, fields=",".join(wanted)).data
        keys = [key for key in names if key in wanted or key == "id"]
        assert rows == [{key: row[key] for key in keys} for row in whole]
        assert [list(row) for row in rows] == [keys] * len(rows)
    if name == "meta/codes" or is_list_alone(api, name):
        return  # an item is a list of its own, or there is none
    one = api.get(f"/v1/{name}/{whole[0]['id']}", fields=names[1]).data
    assert one == {key: whole[0][key] for key in names[:2]}


@each
def test_an_item_is_the_row_of_the_list(api, name):
    if name == "meta/codes" or is_list_alone(api, name):
        pytest.skip("an item is a list of its own, or there is none")
    for row in api.get(f"/v1/{name}", limit=5).data:
        assert api.get(f"/v1/{name}/{row['id']}").data == row


def include_names(api, name):
    for parameter in api.document.document["paths"][f"/v1/{name}"]["get"]["parameters"]:
        parameter = api.document.resolve(parameter)
        if parameter["name"] == "include":
            return parameter["schema"]["items"]["enum"]
    return []


def mentioned(rows):
    return {thing["id"] for row in rows for value in row.values() for thing in (value if isinstance(value, list) else [value])
            if isinstance(thing, dict) and "id" in thing}


@each
def test_include_sends_what_the_rows_name_once_and_nothing_else(api, name):
    choices = include_names(api, name)
    for choice in choices:
        body = api.get(f"/v1/{name}", limit=20, include=choice).json
        assert list(body["included"]) == [choice]
        ids = [row["id"] for row in body["included"][choice]]
        assert len(set(ids)) == len(ids)
        assert set(ids) <= mentioned(body["data"]), f"{name} includes {choice} that no row names"
        plain = api.get(f"/v1/{name}", limit=20).json
        assert "included" not in plain and plain["data"] == body["data"]
        for row in body["included"][choice][:3]:
            assert api.get(f"/v1/{choice}/{row['id']}").data == row
    if len(choices) > 1:
        body = api.get(f"/v1/{name}", limit=20, include=",".join(choices)).json
        assert set(body["included"]) == set(choices)


@each
def test_indented_is_the_same_answer(api, name):
    plain = api.get(f"/v1/{name}", limit=5)
    pretty = api.get(f"/v1/{name}", limit=5, pretty=1)
    assert b"\n  " in pretty.body and b"\n " not in plain.body
    assert pretty.data == plain.data


def test_filters_narrow_and_their_opposites_make_up_the_rest(api):
    """For every field with codes: the rows of each code, and those with none, are all rows, each once."""
    for name in NAMES:
        row = api.document.schemas[f"/v1/{name}"]["properties"]["data"]["items"]["properties"]
        total = api.get(f"/v1/{name}", limit=1).meta["total"]
        names = {api.document.resolve(parameter)["name"]: api.document.resolve(parameter) for parameter in
                 api.document.document["paths"][f"/v1/{name}"]["get"]["parameters"]}
        for field, schema in row.items():
            if field not in names or "enum" not in schema:
                continue
            found = 0
            for code in (code for code in schema["enum"] if code is not None):
                here = api.get(f"/v1/{name}", {field: code}, limit=1, check=False).meta["total"]
                other = api.get(f"/v1/{name}", {field + "__not": code}, limit=1, check=False).meta["total"]
                empty = 0
                if field + "__isnull" in names:
                    empty = api.get(f"/v1/{name}", {field + "__isnull": "true"}, limit=1, check=False).meta["total"]
                assert here + other + empty == total, f"{name} {field}={code}: {here} + {other} + {empty} of {total}"
                found += here
            assert found + empty == total, f"{name}: codes of {field}"


@pytest.mark.parametrize("name, field", [("casualties", "deaths"), ("claims", "number"), ("missions", "start"),
                                         ("missions", "end"), ("relationships", "start"), ("places", "latitude")])
def test_isnull_divides_rows_by_what_they_show(api, name, field):
    for row in api.all(f"/v1/{name}", {field + "__isnull": "true"}):
        assert row[field] is None
    for row in api.all(f"/v1/{name}", {field + "__isnull": "false"}):
        assert row[field] is not None


def test_possible_and_definite_conditions_on_numbers(small):
    """Claims of the fixture on numbers: 4, 5, more than 10, about 40, fewer than 20, between 5 and 7, up to 5,000,000."""
    def ids(**params):
        return set(small.get("/v1/claims", params).ids)

    assert ids(number__gte=11, predicate="deaths") == {"unfix-deaths-herald", "tinville-deaths-herald", "tinville-deaths-atlas"}
    assert ids(number__gte=11, certainty="definite") == {"unfix-deaths-herald"}
    assert ids(number__gt=10, certainty="definite") == {"unfix-deaths-herald"}
    assert ids(number__lte=7, certainty="definite") == {"unfix-deaths-2021", "tinville-deaths-ministry"}
    assert ids(number=5, certainty="definite") == {"unfix-deaths-2021"}
    assert ids(number=6, certainty="possible", predicate="deaths") == {"tinville-deaths-ministry", "tinville-deaths-atlas"}


def test_possible_and_definite_conditions_on_dates(small):
    """The raid was in June 2019, nobody knows on which day."""
    assert small.get("/v1/events?date=2019-06-13").ids == ["tinville-raid"]
    assert small.get("/v1/events?date=2019-06-13&certainty=definite").ids == []
    assert small.get("/v1/events?date__gte=2019-06&certainty=definite").ids == ["tinville-raid", "unfix-closure"]
    assert small.get("/v1/events?date__gt=2019-06").ids == ["unfix-closure"]
    assert small.get("/v1/events?at=2019-06-13").ids == ["tinville-raid"]
    assert small.get("/v1/events?at=2019-06-13&certainty=definite").ids == []
    assert small.get("/v1/events?during=2019&certainty=definite").ids == ["tinville-raid"]
