"""The graph of relationships: who is near whom at a date, the shortest chains, and drawings of both."""

import io
import subprocess
from itertools import pairwise

import networkx
import pytest


def edges_of(answer):
    return {edge["id"]: edge for edge in answer.data["edges"]}


def nodes_of(answer):
    return {node["id"]: node for node in answer.data["nodes"]}


# ---- what the article is about ----

def test_wagner_in_2022_reaches_russia_the_army_the_junta_and_through_them_minusma(api):
    answer = api.get("/v1/actors/wagner-group/network", depth=2, at="2022-06-01")
    nodes = nodes_of(answer)
    assert {"russia", "mali-army", "mali-junta"} <= {name for name, node in nodes.items() if node["depth"] == 1}
    assert nodes["minusma"]["depth"] == 2
    for edge in edges_of(answer).values():
        assert edge["claims"] and edge["sources"], edge["id"]
    assert answer.json["truncated"] is False and answer.json["truncated_by"] is None


def test_wagner_in_2013_is_alone(api):
    answer = api.get("/v1/actors/wagner-group/network", depth=2, at="2013-06-01")
    assert list(nodes_of(answer)) == ["wagner-group"] and answer.data["edges"] == []
    assert api.get("/v1/relationships", actor="wagner-group", at="2013-06-01").data == []


def test_what_was_not_known_yet_is_not_there(api):
    known = edges_of(api.get("/v1/actors/wagner-group/network", depth=1, at="2022-06-01", as_of="2023-03-01"))
    assert known == {row["id"]: row for row in api.all("/v1/relationships", actor="wagner-group", at="2022-06-01", as_of="2023-03-01")}
    assert "mali-junta-paid-wagner-group" not in known


def test_the_link_of_tuareg_and_al_qaeda_is_disputed_and_left_out_of_what_is_asserted(api):
    edges = edges_of(api.get("/v1/actors/tuareg/network"))
    assert edges["tuareg-linked-to-alqaeda"]["status"] == "disputed"
    claims = [api.get(f"/v1/claims/{claim['id']}").data for claim in edges["tuareg-linked-to-alqaeda"]["claims"]]
    assert "denied" in {claim["modality"] for claim in claims}
    asserted = edges_of(api.get("/v1/actors/tuareg/network", {"status": "asserted"}))
    assert "tuareg-linked-to-alqaeda" not in asserted and "tuareg-fought-alqaeda" in asserted


def test_a_network_of_one_step_is_the_relationships_of_the_actor(api):
    for actor in ("mali-gov", "minusma", "france", "prigozhin"):
        for params in ({}, {"at": "2022-06-01"}, {"sign": "-"}, {"at": "2021", "certainty": "definite"}):
            rows = {row["id"]: row for row in api.all(f"/v1/actors/{actor}/relationships", params)}
            assert edges_of(api.get(f"/v1/actors/{actor}/network", params)) == rows


def test_direction_walks_edges_one_way(api):
    out = edges_of(api.get("/v1/actors/mali-gov/network", direction="out"))
    into = edges_of(api.get("/v1/actors/mali-gov/network", direction="in"))
    both = edges_of(api.get("/v1/actors/mali-gov/network"))
    assert all(edge["from_actor"]["id"] == "mali-gov" for edge in out.values())
    assert all(edge["to_actor"]["id"] == "mali-gov" for edge in into.values())
    assert both == out | into and out and into


def test_a_cut_network_says_so_and_is_a_part_of_the_whole(api):
    whole = api.get("/v1/actors/minusma/network", depth=2)
    for params, name in (({"nodes": 5}, "nodes"), ({"edges": 7}, "edges")):
        cut = api.get("/v1/actors/minusma/network", params, depth=2)
        assert cut.json["truncated"] is True and cut.json["truncated_by"] == name
        assert cut.meta[name] == params[name]
        assert edges_of(cut).items() <= edges_of(whole).items()
        ends = {edge[end]["id"] for edge in edges_of(cut).values() for end in ("from_actor", "to_actor")}
        assert ends <= set(nodes_of(cut))


def test_a_name_leads_to_the_one_path_of_the_actor(api):
    answer = api.raw("/v1/actors/Wagner/network?depth=2&at=2022-06-01")
    assert answer.status == 308
    assert answer.headers["Location"] == "/v1/actors/wagner-group/network?at=2022-06-01&depth=2"
    api.problem("/v1/actors/nobody-at-all/network", 404)


# ---- nodes and links ----

def test_the_four_forms_of_the_graph_hold_the_same(api):
    for params in ({}, {"at": "2022-06-01"}, {"focus": "mali-gov", "depth": 2, "at": "2022"}, {"sign": "-", "status": "asserted"},
                   {"at": "1900"}, {"focus": "Goita"}):
        graph = api.get("/v1/graph", params).data
        nodes, links = api.get("/v1/graph/nodes", params).data, api.get("/v1/graph/edges", params).data
        assert [node["id"] for node in graph["nodes"]] == [node["id"] for node in nodes]
        assert [(link["id"], link["source"], link["target"]) for link in graph["links"]] == \
            [(link["id"], link["source"], link["target"]) for link in links]
        assert [node["name"] for node in graph["nodes"]] == [node["title"] for node in nodes]
        for node in nodes:
            shares = node["arc__support"] + node["arc__opposition"] + node["arc__neutral"]
            assert shares == pytest.approx(1 if node["mainStat"] else 0)
        if "focus" not in params:
            rows = api.all("/v1/relationships", params)
            assert sorted(row["id"] for row in rows) == [link["id"] for link in graph["links"]]


def test_networkx_reads_the_node_link_form(api):
    data = api.get("/v1/graph", at="2022-06-01").data
    graph = networkx.node_link_graph(data)
    assert graph.is_directed() and graph.is_multigraph()
    assert (graph.number_of_nodes(), graph.number_of_edges()) == (len(data["nodes"]), len(data["links"]))


@pytest.mark.parametrize("query", ["", "?at=2022-06-01", "?focus=wagner-group&depth=2", "?at=1900", "?focus=tuareg&at=1900", "?nodes=3"])
def test_graphml_and_dot_hold_as_many_nodes_and_edges_as_the_json(api, query):
    data = api.get(f"/v1/graph{query}").data
    graph = networkx.read_graphml(io.BytesIO(api.get(f"/v1/graph.graphml{query}").body), force_multigraph=True)
    assert graph.is_directed()
    assert sorted(graph.nodes) == sorted(node["id"] for node in data["nodes"])
    assert sorted((a, b, key) for a, b, key in graph.edges(keys=True)) == \
        sorted((link["source"], link["target"], link["id"]) for link in data["links"])
    for node in data["nodes"]:
        held = graph.nodes[node["id"]]
        assert held["label"] == node["name"] and held.get("iso3") == node["iso3"] and held["edges"] == node["edges"]
    for link in data["links"]:
        held = graph.edges[link["source"], link["target"], link["id"]]
        assert held["label"] == link["type"] and held["sign"] == link["sign"] and held.get("end") == link["end"]
        assert held.get("amount_low") == link["amount_low"]
        assert held["claims"].split() == link["claims"]
    plain = subprocess.run(["dot", "-Tplain"], input=api.get(f"/v1/graph.dot{query}").body, capture_output=True, check=True).stdout
    kinds = [line.split()[0] for line in plain.decode().splitlines()]
    assert kinds.count("node") == len(data["nodes"]) and kinds.count("edge") == len(data["links"])


def test_drawings_take_what_the_graph_takes_and_have_its_headers(api):
    for path, kind in (("/v1/graph.graphml", "application/graphml+xml"), ("/v1/graph.dot", "text/vnd.graphviz")):
        answer = api.get(path)
        assert answer.headers["Content-Type"] == kind
        again = api.get(path, headers={"If-None-Match": answer.headers["ETag"]}, status=304)
        assert again.headers["ETag"] == answer.headers["ETag"]
        assert api.get("/v1/graph").headers["ETag"] != answer.headers["ETag"]
        assert api.problem(path, 400, at="never")["param"] == "at"
        assert api.problem(path, 400, pretty=1)["param"] == "pretty"
        assert api.problem(path, 400, depth=2)["param"] == "depth"
    api.problem("/v1/graph/nodes.dot", 404)
    api.problem("/v1/missions.dot", 404)


def test_a_drawing_of_letters_that_are_markup_is_read_back(small, fixture_dataset, tmp_path):
    """The name of a private company of the fixture is in Cyrillic, a source has quotes: both go through."""
    graph = networkx.read_graphml(io.BytesIO(small.get("/v1/graph.graphml").body), force_multigraph=True)
    assert graph.nodes["blue-lantern"]["label"] == "Голубой фонарь"
    plain = subprocess.run(["dot", "-Tplain"], input=small.get("/v1/graph.dot").body, capture_output=True, check=True).stdout
    assert "Голубой фонарь" in plain.decode()


# ---- chains ----

def assert_chain(api, chain, start, goal, params=()):
    assert chain["nodes"][0] == start and chain["nodes"][-1] == goal
    assert [(hop["from"], hop["to"]) for hop in chain["hops"]] == list(pairwise(chain["nodes"]))
    for hop in chain["hops"]:
        assert hop["edges"]
        rows = {row["id"]: row for row in api.all("/v1/relationships", params, actor=hop["from"])}
        for edge in hop["edges"]:
            assert {edge["from_actor"]["id"], edge["to_actor"]["id"]} == {hop["from"], hop["to"]}
            assert rows[edge["id"]] == edge


def test_every_edge_of_a_path_is_in_the_flat_collection_at_that_date(api):
    for params in ({}, {"at": "2022-06-01"}, {"at": "2022-12-01", "status": "asserted"}):
        for dated in (0, 1):
            answer = api.get("/v1/graph/path", params, **{"from": "wagner-group", "to": "germany", "dated": dated})
            assert answer.data and answer.meta["chains"] == len(answer.data)
            for chain in answer.data:
                assert len(chain["hops"]) == answer.meta["hops"]
                assert_chain(api, chain, "wagner-group", "germany", params)
                assert (chain["interval"] is None) == (dated == 0)


def test_a_chain_that_holds_at_no_one_time_is_left_out_of_dated_ones(api):
    """AFISMA handed over to MINUSMA on one day of 2013; Germany ordered its withdrawal nine years later."""
    params = {"from": "afisma", "to": "germany", "type__in": "took_over_from,ordered_withdrawal_from"}
    assert [chain["nodes"] for chain in api.get("/v1/graph/path", params).data] == [["afisma", "minusma", "germany"]]
    assert api.get("/v1/graph/path", params, dated=1).data == []


def test_the_interval_of_a_dated_chain_is_when_all_its_edges_hold(api):
    for certainty in ("possible", "definite"):
        answer = api.get("/v1/graph/path", {"from": "wagner-group", "to": "uk", "dated": 1, "certainty": certainty, "chains": 100})
        assert answer.data
        for chain in answer.data:
            days = chain["interval"]
            for hop in chain["hops"]:
                assert len(hop["edges"]) == 1
                at = {"id": hop["edges"][0]["id"], "certainty": certainty}
                for day in filter(None, days.values()):
                    assert api.get("/v1/relationships", at, at=day).ids == [at["id"]]


def test_a_chain_needs_two_actors_that_differ(api):
    assert api.problem("/v1/graph/path?from=russia", 400)["param"] == "to"
    assert api.problem("/v1/graph/path?to=russia", 400)["param"] == "from"
    assert api.problem("/v1/graph/path?from=Russia&to=russian+federation", 400)["param"] == "to"
    assert api.problem("/v1/graph/path?from=nobody&to=russia", 400)["param"] == "from"
    for name, value in (("max", 9), ("max", 0), ("chains", 101), ("direction", "up"), ("dated", "yes"), ("limit", 3), ("focus", "mali")):
        assert api.problem(f"/v1/graph/path?from=russia&to=france&{name}={value}", 400)["param"] == name


def test_more_chains_than_asked_for_are_said_to_be(api):
    whole = api.get("/v1/graph/path?from=wagner-group&to=germany")
    assert len(whole.data) > 1 and whole.json["truncated"] is False
    cut = api.get("/v1/graph/path?from=wagner-group&to=germany&chains=1")
    assert cut.data == whole.data[:1] and cut.json["truncated_by"] == "chains"
