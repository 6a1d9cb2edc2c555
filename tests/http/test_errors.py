"""What is wrong is refused by name, and never ignored or widened."""

import json

import pytest


# ---- parameters ----


@pytest.mark.parametrize("path, param, meant", [
    ("/v1/missions?categry=pko", "categry", "category"),
    ("/v1/missions?Category=pko", "Category", "category"),
    ("/v1/casualties?mision=unfix", "mision", "mission"),
    ("/v1/casualties?limt=5", "limt", "limit"),
    ("/v1/facts?resolv=min", "resolv", "resolve"),
    ("/v1/missions/unfix?field=id", "field", "fields"),
    ("/v1/missions/unfix/casualties?caus=illness", "caus", "cause"),
    ("/v1/?prety=1", "prety", "pretty"),
    ("/openapi.json?prety=1", "prety", "pretty"),
])
def test_an_unknown_parameter_is_named_with_the_one_that_was_meant(small, path, param, meant):
    problem = small.problem(path, 400)
    assert (problem["code"], problem["param"], problem["did_you_mean"]) == ("unknown_parameter", param, meant)
    assert meant in problem["allowed"]


@pytest.mark.parametrize("path", [
    "/v1/missions/unfix?q=x", "/v1/changes?since=2020&q=x", "/v1/missions?foo", "/v1/missions?=x", "/v1/missions/unfix?limit=5",
    "/v1/missions/unfix?category=pko", "/v1/places?at=2020", "/v1/healthz", "/healthz?x=1",
])
def test_what_a_path_does_not_take_is_refused(small, path):
    small.get(path, status=404 if path == "/v1/healthz" else 400)


def test_names_for_campaigns_and_caches_are_the_only_ones_ignored(small):
    plain = small.get("/v1/missions")
    ignored = small.get("/v1/missions?utm_source=x&_=123&utm_anything=y")
    assert ignored.data == plain.data
    assert ignored.headers["ETag"] == plain.headers["ETag"]


@pytest.mark.parametrize("path, param, meant", [
    ("/v1/casualties?deaths__gtee=1", "deaths__gtee", "deaths__gte"),
    ("/v1/missions?name__contain=x", "name__contain", "name__contains"),
    ("/v1/missions?category__gt=pko", "category__gt", None),
    ("/v1/missions?category__=pko", "category__", None),
    ("/v1/missions?start__in=2013", "start__in", None),
    ("/v1/claims?source__isnull=true", "source__isnull", None),
    ("/v1/casualties?version__gte=2", "version__gte", None),
])
def test_an_operator_that_the_field_does_not_take_is_refused(small, path, param, meant):
    problem = small.problem(path, 400)
    assert problem["param"] == param
    assert problem["code"] == "unknown_parameter"
    if meant:
        assert problem["did_you_mean"] == meant


@pytest.mark.parametrize("param, value", [
    ("category", "pkoo"), ("category", ""), ("category__in", "pko,"), ("start", "soon"), ("start", ""),
    ("start__gte", "2013-13"), ("start__gte", "2013-4-1"), ("start", "2013-00"), ("place", "atlantis"),
    ("place__in", "ner,atlantis"), ("name__isnull", "maybe"), ("components", "nobody"), ("status__not", "dead"),
])
def test_a_value_that_the_field_does_not_take_is_refused(small, param, value):
    problem = small.problem("/v1/missions", 400, {param: value})
    assert (problem["code"], problem["param"]) == ("invalid_parameter", param)


@pytest.mark.parametrize("value", ["many", "1.5", "1e3", "0x10", " 5", "5 ", "--5", "99999999999999999999", "１", ""])
def test_a_count_is_a_whole_number(small, value):
    problem = small.problem("/v1/casualties", 400, deaths__gte=value)
    assert (problem["code"], problem["param"]) == ("invalid_parameter", "deaths__gte")


@pytest.mark.parametrize("value", ["nan", "inf", "1e400", "0x1p3", "1,5", "12°"])
def test_a_coordinate_is_a_plain_number(small, value):
    assert small.problem("/v1/places", 400, latitude__gte=value)["param"] == "latitude__gte"


@pytest.mark.parametrize("param", ["at", "from", "to", "during", "as_of", "start", "start__lt", "known_from"])
@pytest.mark.parametrize("value", ["2023-02-30", "2023-02-29", "2023-13", "23", "2023-1", "2023-01-01T25:00:00Z",
                                   "today", "2023-01-01x", "2023-01-01..", ""])
def test_an_impossible_date_is_refused(small, param, value):
    assert small.problem("/v1/missions", 400, {param: value})["param"] == param


def test_a_period_that_ends_before_it_begins_is_refused(small):
    assert small.problem("/v1/missions", 400, during="2023..2019")["param"] == "during"
    small.problem("/v1/missions?from=2023&to=2019", 400)


@pytest.mark.parametrize("param, value", [
    ("limit", "0"), ("limit", "-1"), ("limit", "1000000000"), ("limit", "10001"), ("limit", "ten"), ("limit", ""),
    ("limit", "1.0"), ("limit", "4294967297"), ("offset", "-1"), ("offset", "100001"), ("offset", "x"),
    ("count", "maybe"), ("pretty", "yes"), ("certainty", "sure"), ("sort", "nothing"), ("sort", ""), ("sort", "name,"),
    ("sort", "name,name"), ("sort", "name,-name"), ("sort", "--name"), ("sort", "places"), ("fields", "nothing"),
    ("fields", ""), ("fields", "place"), ("include", "nothing"), ("include", ""), ("include", "claims"),
    ("cursor", "x"), ("cursor", ""), ("cursor", "AAAAAAAAAAAAAAAAAAAAAAAA"),
])
def test_a_value_that_shapes_the_answer_is_checked(small, param, value):
    problem = small.problem("/v1/missions", 400, {param: value})
    assert problem["param"] == param


@pytest.mark.parametrize("param, value, meant", [
    ("sort", "nam", "name"), ("sort", "-strat", "start"), ("fields", "id,nme", "name"), ("include", "source", "sources"),
    ("category", "pk", "pko"), ("place", "Nigerr", "Niger"),
])
def test_a_misspelt_value_is_answered_with_the_right_one(small, param, value, meant):
    problem = small.problem("/v1/missions", 400, {param: value})
    assert problem["did_you_mean"].casefold() == meant.casefold()


@pytest.mark.parametrize("value", ["preferrred", "source", "source:", "source:nobody", "SOURCE:atlas", "atlas"])
def test_a_rule_that_does_not_exist_is_refused(small, value):
    assert small.problem("/v1/facts", 400, resolve=value)["param"] == "resolve"


@pytest.mark.parametrize("param, value", [("limit", "5"), ("sort", "id"), ("at", "2020"), ("as_of", "2020-06-01"),
                                          ("fields", "id"), ("count", "none"), ("pretty", "0"), ("certainty", "definite"),
                                          ("name__isnull", "true")])
def test_a_parameter_that_may_stand_once_is_refused_twice(small, param, value):
    problem = small.problem(f"/v1/missions?{param}={value}&{param}={value}", 400)
    assert (problem["code"], problem["param"]) == ("repeated_parameter", param)


def test_a_filter_may_stand_twice_and_means_either(small):
    assert small.get("/v1/missions?category=pko&category=spm").ids == ["unfix", "uniga", "unnam"]


def test_the_filter_that_a_path_sets_is_not_taken_again(small):
    assert small.problem("/v1/missions/unfix/casualties?mission=uniga", 400)["param"] == "mission"


def test_65_parameters_are_too_many_and_none_is_dropped(small):
    small.get("/v1/missions?" + "&".join(["category=pko"] * 64))
    answer = small.raw("/v1/missions?" + "&".join(["category=pko"] * 65))
    assert answer.status == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "parameters" in answer.json["detail"]


def test_25_conditions_are_too_many_and_none_is_dropped(small):
    fields = ["id", "acronym", "name", "category", "status", "region"]
    conditions = [f"{field}__{operator}=pko" for field in fields for operator in ("not", "in", "notin")]
    answer = small.raw("/v1/missions?" + "&".join(conditions + ["start__gte=2000", "start__gt=2000", "start__lt=2030",
                                                               "start__lte=2030", "end__gte=2000", "end__gt=2000",
                                                               "end__lt=2030"]))
    assert answer.status == 400


# ---- cursors ----


def test_a_cursor_of_another_query_is_refused(small):
    cursor = small.get("/v1/casualties", limit=2).json["next"]
    for other in ("/v1/casualties?sort=-date", "/v1/casualties?mission=unfix", "/v1/claims", "/v1/casualties?as_of=2020-06-01",
                  "/v1/missions/unfix/casualties"):
        problem = small.problem(other + ("&" if "?" in other else "?") + f"cursor={cursor}", 400)
        assert problem["param"] == "cursor"


def test_a_cursor_lives_with_another_shape_of_the_same_query(small):
    first = small.get("/v1/casualties", limit=2)
    whole = small.get("/v1/casualties").ids
    again = small.get("/v1/casualties", cursor=first.json["next"], limit=3, fields="id", count="none", pretty=1)
    assert again.ids == whole[2:5]


def test_a_cursor_that_was_changed_is_no_failure_of_ours(small):
    """It is a position and no secret: one that can still be read leads to another position, never to a 500."""
    cursor = small.get("/v1/casualties", limit=2).json["next"]
    for i in range(0, len(cursor), 5):
        changed = cursor[:i] + ("B" if cursor[i] != "B" else "C") + cursor[i + 1:]
        answer = small.raw(f"/v1/casualties?cursor={changed}")
        assert answer.status in (200, 400, 410), changed
    small.problem(f"/v1/casualties?cursor={cursor[:-2]}", 400)


def test_a_cursor_and_an_offset_exclude_each_other(small):
    cursor = small.get("/v1/casualties", limit=2).json["next"]
    small.problem(f"/v1/casualties?cursor={cursor}&offset=2", 400)


# ---- paths ----


@pytest.mark.parametrize("path, meant", [
    ("/v1/mission", "missions"), ("/v1/casualities", "casualties"), ("/openapi.jsn", "openapi.json"),
    ("/v1/missions/unfix/fact", "facts"), ("/v2/missions", None), ("/v1/missions/unfix/sources", None),
    ("/v1/missions/unfix/facts/x", None), ("/nothing", None), ("/v1//missions", None), ("//v1/missions", None),
    ("/v1/missions/../missions", None), ("/v1/missions/%2e%2e/%2e%2e", None), ("/v1/Missions", "missions"),
    ("/favicon.ico", None), ("/index.php", None),
])
def test_an_unknown_path_is_404_with_what_was_meant(small, path, meant):
    problem = small.problem(path, 404)
    if meant:
        assert problem["did_you_mean"] == meant


@pytest.mark.parametrize("path, meant", [
    ("/v1/missions/unfixx", "unfix"), ("/v1/places/nigr", "niger"), ("/v1/sources/herald-2018", "herald-2019"),
    ("/v1/missions/atlantis", None), ("/v1/casualties/unfix-1919-military-illness", None), ("/v1/missions/nope/facts", None),
    ("/v1/missions/%27%20OR%201=1", None), ("/v1/missions/" + "x" * 500, None), ("/v1/missions/%F0%9F%92%A3", None),
])
def test_an_unknown_id_is_404_with_what_was_meant(small, path, meant):
    problem = small.problem(path, 404)
    assert problem["code"] == "unknown_id"
    if meant:
        assert problem["did_you_mean"].casefold() == meant


@pytest.mark.parametrize("path, right", [
    ("/v1", "/v1/"), ("/v1/missions/", "/v1/missions"), ("/v1/missions/?category=pko", "/v1/missions?category=pko"),
    ("/v1/missions/UNFIX", "/v1/missions/unfix"), ("/v1/actors/lantern", "/v1/actors/blue-lantern"),
    ("/v1/places/Niger", "/v1/places/ner"), ("/v1/places/NE?fields=id", "/v1/places/ner?fields=id"),
    ("/v1/actors/lantern/relationships", "/v1/actors/blue-lantern/relationships"),
])
def test_another_name_of_a_path_redirects_to_it(small, path, right):
    answer = small.get(path, status=308)
    assert answer.headers["Location"] == right
    small.get(right)


def test_a_withdrawn_row_is_gone_and_still_answered_as_of_then(small):
    problem = small.problem("/v1/casualties/unfix-2018-military-illness", 410)
    assert problem["code"] == "withdrawn"
    small.get("/v1/casualties/unfix-2018-military-illness", as_of="2020-06-01")


def test_what_was_not_known_yet_is_not_found_then(small):
    small.problem("/v1/events/unfix-closure", 404, as_of="2020-06-01")
    small.get("/v1/events/unfix-closure")


@pytest.mark.parametrize("path", [
    "/v1/missions?name=%", "/v1/missions?name=%4", "/v1/missions?name=%zz", "/v1/%missions", "/v1/missions?name=%FF",
    "/v1/missions?name=%C3", "/v1/missions?name=%ED%A0%80", "/v1/missions?name=%C0%AF", "/v1/missions?name=%00",
    "/v1/missions%00", "/v1/missions/unfix%00", "/v1/missions?name=a%0Ab", "/v1/missions?%00=1", "/v1/missions?name=%7F",
])
def test_a_malformed_url_is_refused(small, path):
    assert small.problem(path, 400)["code"] == "malformed_request"


def test_a_url_means_the_same_however_it_is_encoded(small):
    plain = small.get("/v1/missions?category=pko&sort=-start")
    for path in ("/v1/missions?sort=-start&category=pko", "/v1/missions?category=%70ko&sort=-start",
                 "/v1/%6dissions?category=pko&sort=%2Dstart", "/v1/missions?&category=pko&&sort=-start&"):
        again = small.get(path)
        assert again.data == plain.data
        assert again.headers["ETag"] == plain.headers["ETag"]


def test_a_plus_in_a_query_is_a_space(small):
    assert small.get("/v1/actors?name=blue+lantern").ids == ["blue-lantern"]
    assert small.get("/v1/relationships?sign=%2B").data
    assert small.get("/v1/relationships?sign=support").data


def test_a_very_long_url_is_refused(small):
    answer = small.raw("/v1/missions?name=" + "x" * 7000)
    assert answer.status in (400, 414, 431)
    assert json.loads(answer.body)["status"] == answer.status


# ---- methods ----


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "QUERY", "PROPFIND", "get"])
def test_a_method_that_is_not_taken_is_405_with_those_that_are(small, method):
    answer = small.raw("/v1/missions", method)
    assert answer.status == 405
    assert {name.strip() for name in answer.headers["Allow"].split(",")} == {"GET", "HEAD", "OPTIONS"}
    small.judge("/v1/missions", answer)
    small.close()


PATHS = ["/v1/", "/v1/missions", "/v1/missions?category=pko&pretty=1", "/v1/missions/unfix", "/v1/casualties?limit=2",
         "/openapi.json", "/healthz", "/readyz", "/v1/missions/unfix/facts", "/v1/nothing", "/v1/missions?x=1",
         "/v1/casualties/unfix-2018-military-illness", "/v1/actors/lantern"]
VOLATILE = {"date", "x-request-id", "content-digest"}


@pytest.mark.parametrize("path", PATHS)
def test_head_has_the_headers_of_get_and_no_body(small, path):
    get = small.raw(path)
    head = small.raw(path, "HEAD")
    assert head.status == get.status
    assert head.body == b""

    def stable(answer):
        return {name.lower(): value for name, value in answer.headers.items() if name.lower() not in VOLATILE}

    expected = stable(get)
    if get.status >= 400 or get.status == 308:
        # The problem document holds the request id, which is another one.
        assert abs(int(head.headers["Content-Length"]) - len(get.body)) < 64
        expected["content-length"] = head.headers["Content-Length"]
    assert stable(head) == expected
    assert expected["content-length"] == head.headers["Content-Length"]


@pytest.mark.parametrize("path", ["/v1/missions", "/v1/missions/unfix", "/openapi.json", "/healthz"])
def test_options_says_what_a_path_takes(small, path):
    answer = small.raw(path, "OPTIONS")
    assert answer.status == 204
    assert answer.body == b""
    assert {name.strip() for name in answer.headers["Allow"].split(",")} == {"GET", "HEAD", "OPTIONS"}
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_a_preflight_is_answered_for_a_day(small):
    answer = small.raw("/v1/missions", "OPTIONS", {"Origin": "https://example.org", "Access-Control-Request-Method": "GET",
                                                   "Access-Control-Request-Headers": "if-none-match"})
    assert answer.status == 204
    assert "GET" in answer.headers["Access-Control-Allow-Methods"]
    assert answer.headers["Access-Control-Allow-Headers"]
    assert answer.headers["Access-Control-Max-Age"] == "86400"


@pytest.mark.parametrize("path", ["/v1/missions", "/v1/nothing", "/v1/missions?x=1", "/v1/missions/nope", "/%zz"])
def test_cors_and_exposed_headers_stand_on_answers_and_errors(small, path):
    answer = small.raw(path, headers={"Origin": "https://example.org"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    exposed = {name.strip().lower() for name in answer.headers["Access-Control-Expose-Headers"].split(",")}
    assert {"etag", "link", "x-total-count", "x-request-id"} <= exposed


def test_the_request_id_of_the_client_comes_back(small):
    answer = small.get("/v1/nothing", status=404, headers={"X-Request-Id": "abc-123"})
    assert answer.headers["X-Request-Id"] == "abc-123"
    assert answer.json["request_id"] == "abc-123"


# ---- conditional requests ----


@pytest.mark.parametrize("path", ["/v1/missions", "/v1/missions/unfix", "/v1/", "/openapi.json"])
def test_a_known_etag_is_answered_304(small, path):
    answer = small.get(path)
    etag = answer.headers["ETag"]
    assert etag.startswith('"') and etag.endswith('"')
    for value in (etag, "*", f'"other", {etag}', f"W/{etag}", f'"other" , W/{etag} , "more"'):
        again = small.get(path, status=304, headers={"If-None-Match": value})
        assert again.headers["ETag"] == etag
        assert again.headers["Cache-Control"] == answer.headers["Cache-Control"]
        assert again.headers["Content-Type"] is None
    for value in ('"other"', etag[:-2] + '"', etag.strip('"')):
        assert small.get(path, headers={"If-None-Match": value}).body == answer.body


def test_another_answer_has_another_etag(small):
    paths = ["/v1/missions", "/v1/missions?pretty=1", "/v1/missions?limit=1", "/v1/missions?as_of=2020-01-01", "/v1/facts"]
    assert len({small.get(path).headers["ETag"] for path in paths}) == len(paths)


def test_the_past_may_be_kept_for_ever_and_the_present_a_minute(small):
    assert "immutable" in small.get("/v1/missions?as_of=2020-06-01").headers["Cache-Control"]
    assert "max-age=60" in small.get("/v1/missions").headers["Cache-Control"]
    assert small.get("/v1/missions?x=1", status=400).headers["Cache-Control"] == "no-store"


def test_an_error_is_never_304(small):
    small.get("/v1/missions?x=1", status=400, headers={"If-None-Match": "*"})
    small.get("/v1/missions/nope", status=404, headers={"If-None-Match": "*"})
    small.get("/v1/casualties/unfix-2018-military-illness", status=410, headers={"If-None-Match": "*"})


# ---- bytes ----


@pytest.mark.parametrize("head", [
    pytest.param(b"GET /v1/missions\x00 HTTP/1.1\r\nHost: x\r\n\r\n", id="nul-in-target"),
    pytest.param(b"GET /v1/missions HTTP/1.1\r\nHost: x\r\nX-A: a\x00b\r\n\r\n", id="nul-in-header"),
    pytest.param(b"GET  /v1/missions HTTP/1.1\r\nHost: x\r\n\r\n", id="two-spaces"),
    pytest.param(b"GET /v1/missions HTTP/1.1\r\n\r\n", id="no-host"),
    pytest.param(b"GET /v1/missions HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", id="two-hosts"),
    pytest.param(b"GET /v1/missions HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
                 id="two-lengths"),
    pytest.param(b"GET /v1/missions HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
                 b"0\r\n\r\n", id="length-and-coding"),
])
def test_a_malformed_head_has_one_answer_and_the_end(fixture_server, head):
    reply = fixture_server.send(head, timeout=4)
    assert reply.count(b"HTTP/1.") == 1, reply[:300]
    status = int(reply.split(b" ", 2)[1])
    assert 400 <= status < 600, reply[:300]
    assert b"application/problem+json" in reply
    assert b"Access-Control-Allow-Origin: *" in reply


def test_after_all_this_the_server_still_answers(small):
    small.get("/v1/missions/unfix")
