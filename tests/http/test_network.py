"""Walks over random graphs against a naive walk over the flat list of their edges (graph_world.py)."""

import random

import pytest

import graph_world
from harness import Client, Server

SEEDS = [1, 2, 3, 4]
TYPES = "fought,fights,aligned_with,has_ties_with,linked_to,joined,accused"


@pytest.fixture(scope="module", params=SEEDS)
def world(request, tmp_path_factory):
    """A client of a small random world, and the chance that goes with it."""
    seed = request.param
    dataset = graph_world.make(tmp_path_factory.mktemp("worlds"), seed, actors=30 + 10 * seed, edges=60 * seed)
    server = Server(dataset)
    yield Client(server), random.Random(seed)
    server.stop()


def filters_by_chance(chance):
    """Conditions on edges, each as often there as not."""
    day = f"{chance.randint(1950, 2024)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
    filters = {}
    if chance.random() < 0.6:
        filters["at"] = chance.choice([day, day[:7], day[:4]])
    elif chance.random() < 0.3:
        filters["during"] = f"{day[:4]}..{int(day[:4]) + chance.randint(0, 20)}"
    if chance.random() < 0.3:
        filters["certainty"] = "definite"
    if chance.random() < 0.25:
        filters["sign__in"] = chance.choice(["+", "-", "+,0"]).replace("+", "support")
    if chance.random() < 0.25:
        filters["type__in"] = TYPES
    if chance.random() < 0.25:
        filters["status"] = chance.choice(["asserted", "disputed"])
    if chance.random() < 0.3:
        filters["as_of"] = f"{chance.randint(2005, 2025)}-06-30"
    return filters


def actors_of(api, chance, n, as_of="9999-12-31"):
    """Some that were known on a day, or as many as there were."""
    actors = api.all("/v1/actors", fields="id", as_of=as_of)
    return [row["id"] for row in chance.sample(actors, min(n, len(actors)))]


def test_a_network_is_what_a_naive_walk_finds(world):
    api, chance = world
    for _ in range(14):
        filters, depth = filters_by_chance(chance), chance.randint(1, 4)
        actor = next(iter(actors_of(api, chance, 1, filters.get("as_of", "9999-12-31"))), None)
        if actor is None:
            continue  # nobody was known yet
        direction = chance.choice(["both", "out", "in"])
        nodes, edges = graph_world.Graph.of(api, direction, **filters).near(actor, depth)
        answer = api.get(f"/v1/actors/{actor}/network", filters, depth=depth, direction=direction, nodes=5000, edges=10000)
        where = f"{actor} {depth} {direction} {filters}"
        assert {node["id"]: node["depth"] for node in answer.data["nodes"]} == nodes, where
        assert {edge["id"]: edge for edge in answer.data["edges"]} == edges, where
        assert [edge["id"] for edge in answer.data["edges"]] == sorted(edges), where
        assert answer.json["truncated"] is False
        links = api.get("/v1/graph", filters, focus=actor, depth=depth, direction=direction, nodes=5000, edges=10000).data
        assert [link["id"] for link in links["links"]] == sorted(edges), where


def test_a_cut_network_is_a_part_of_the_whole_as_large_as_was_asked(world):
    api, chance = world
    for actor in actors_of(api, chance, 8):
        nodes, edges = graph_world.Graph.of(api).near(actor, 3)
        for name, whole in (("nodes", nodes), ("edges", edges)):
            if len(whole) < 3:
                continue
            most = chance.randint(2, len(whole) - 1)
            answer = api.get(f"/v1/actors/{actor}/network", {name: most}, depth=3)
            assert answer.json["truncated_by"] == name
            assert answer.meta[name] == most
            assert {edge["id"] for edge in answer.data["edges"]} <= set(edges)
            assert all(nodes[node["id"]] == node["depth"] for node in answer.data["nodes"])
            again = api.get(f"/v1/actors/{actor}/network", {name: most}, depth=3)
            assert again.body == answer.body


def test_chains_are_all_the_shortest_ones(world):
    api, chance = world
    for _ in range(12):
        one, other = actors_of(api, chance, 2)
        filters, most = filters_by_chance(chance), chance.randint(1, 8)
        direction = chance.choice(["both", "out", "in"])
        graph = graph_world.Graph.of(api, direction, **filters)
        right = graph.chains(one, other, most)
        answer = api.get("/v1/graph/path", {**filters, "from": one, "to": other, "max": most, "direction": direction, "chains": 100})
        where = f"{one} {other} {most} {direction} {filters}"
        found = [(tuple(chain["nodes"]), tuple(tuple(edge["id"] for edge in hop["edges"]) for hop in chain["hops"])) for chain in answer.data]
        assert found == [(chain.nodes, chain.edges) for chain in right][:100], where
        assert answer.json["truncated"] == (len(right) > 100), where
        for chain in answer.data:
            for hop in chain["hops"]:
                assert all(graph.rows[edge["id"]] == edge for edge in hop["edges"])


def step_by_step(chain):
    """Chains come in the order of their steps: of the node that it leads to, and then of the edge."""
    return list(zip(chain[0][1:], chain[1]))


def test_dated_chains_are_all_the_shortest_ones_that_hold_at_one_time(world):
    api, chance = world
    n = 0
    for _ in range(16):
        one, other = actors_of(api, chance, 2)
        filters = filters_by_chance(chance)
        filters.pop("at", None)
        is_definite = filters.get("certainty") == "definite"
        window = (graph_world.FIRST, graph_world.LAST)
        if "during" in filters:
            first, _, last = filters["during"].partition("..")
            window = (f"{first}-01-01", f"{last}-12-31")
        graph = graph_world.Graph.of(api, **filters)
        right = graph.dated_chains(one, other, 4, is_definite, window)
        answer = api.get("/v1/graph/path", {**filters, "from": one, "to": other, "max": 4, "dated": 1, "chains": 100})
        found = [(tuple(chain["nodes"]), tuple(hop["edges"][0]["id"] for hop in chain["hops"]),
                  chain["interval"]["start"] or graph_world.FIRST, chain["interval"]["end"] or graph_world.LAST) for chain in answer.data]
        where = f"{one} {other} {filters}"
        if len(right) <= 100:
            assert found == sorted(map(tuple, right), key=step_by_step), where
        else:
            assert len(found) == 100 and set(found) <= {tuple(chain) for chain in right}, where
        n += len(found)
    assert n > 0
