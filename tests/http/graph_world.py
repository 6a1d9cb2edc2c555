"""Small random worlds of actors and relationships, and what a walk over the flat list of their edges finds.

Nothing here is clever: every answer is found by looking at every edge, so that a test which compares the program with it
compares two different ways to the same thing.
"""

import calendar
import re
import subprocess
import sys
from collections import defaultdict, namedtuple

from harness import ROOT, build

FIRST, LAST = "0001-01-01", "9999-12-31"

Chain = namedtuple("Chain", "nodes edges start end")  # ids; of dated chains the first and last day on which all edges hold


def make(directory, seed, actors=40, edges=150):
    """The dataset file of a world; the same seed and numbers, the same world. The directory may hold several."""
    text = directory / f"world-{actors}-{edges}-{seed}"
    done = subprocess.run([sys.executable, ROOT / "scripts" / "make-graph", text, str(actors), str(edges), str(seed)],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return build(text, text.with_suffix(".db"))


def days(text):
    """First and last day that an imprecise date can mean."""
    year, month, day = (int(part) if part else None for part in re.fullmatch(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?[~?]?", text).groups())
    last_month = month or 12
    last_day = day or calendar.monthrange(year, last_month)[1]
    return f"{year:04}-{month or 1:02}-{day or 1:02}", f"{year:04}-{last_month:02}-{last_day:02}"


def span(row, is_definite=False):
    """First and last day on which a relationship possibly (or certainly) held. A certain one may be empty: the first after the last."""
    end_min, end_max = days(row["end"]) if row["end"] else (LAST, LAST)
    if row["start"]:
        start_min, start_max = days(row["start"])
    else:  # at the latest when it had ended, or when a source said that it was so
        start_min, start_max = FIRST, end_max if row["end"] else row["known_from"]
    return (start_max, end_min) if is_definite else (start_min, end_max)


class Graph:
    """The edges that a list of relationships holds; ask for the list with the filters that edges must meet."""

    def __init__(self, rows, direction="both"):
        self.rows = {row["id"]: row for row in rows}
        assert len(self.rows) == len(rows), "an edge stands twice in the list"
        self.steps = defaultdict(list)  # actor -> (other actor, row), each edge once for each way it may be walked
        for row in rows:
            one, other = row["from_actor"]["id"], row["to_actor"]["id"]
            if direction in ("out", "both"):
                self.steps[one].append((other, row))
            if direction in ("in", "both"):
                self.steps[other].append((one, row))

    @classmethod
    def of(cls, api, direction="both", **filters):
        """What the flat collection says; filters as in /v1/relationships: at, type, sign, status, certainty, as_of, ..."""
        return cls(api.all("/v1/relationships", filters), direction)

    @property
    def actors(self):
        return sorted({row[end]["id"] for row in self.rows.values() for end in ("from_actor", "to_actor")})

    def distances(self, focus, depth):
        """Actor -> steps from the focus, of those within so many."""
        found, just_reached = {focus: 0}, [focus]
        for steps in range(1, depth + 1):
            reached = sorted({other for one in just_reached for other, _ in self.steps[one]} - found.keys())
            found.update((actor, steps) for actor in reached)
            just_reached = reached
        return found

    def near(self, focus, depth):
        """(actor -> steps, id -> row): who is within so many steps, and the edges with an end that is nearer than that, which is walked from it."""
        found = self.distances(focus, depth)
        return found, {row["id"]: row for one, steps in found.items() if steps < depth for _, row in self.steps[one]}

    def chains(self, one, other, most):
        """All shortest ways of at most so many steps as Chain(nodes, edges): of each step all ids, sorted. In the order of the nodes."""
        found = self.distances(one, most)
        if one == other or other not in found:
            return []
        ways = [(one,)]
        for steps in range(1, found[other] + 1):
            ways = sorted({(*way, after) for way in ways for after, _ in self.steps[way[-1]] if found.get(after) == steps})
        return [Chain(way, tuple(self._between(*step) for step in zip(way, way[1:])), None, None) for way in ways if way[-1] == other]

    def _between(self, one, other):
        return tuple(sorted({row["id"] for after, row in self.steps[one] if after == other}))

    def dated_chains(self, one, other, most, is_definite=False, window=(FIRST, LAST)):
        """All shortest ways whose edges hold on one day, of the window at least, each with one edge a step, in the order of nodes and edges."""
        if one == other:
            return []
        ways = [Chain((one,), (), FIRST, LAST)]
        for _ in range(most):
            longer = []
            for way in ways:
                for after, row in self.steps[way.nodes[-1]]:
                    first, last = span(row, is_definite)
                    first, last = max(first, way.start), min(last, way.end)
                    if after not in way.nodes and max(first, window[0]) <= min(last, window[1]):
                        longer.append(Chain((*way.nodes, after), (*way.edges, row["id"]), first, last))
            there = sorted(set(way for way in longer if way.nodes[-1] == other))
            if there:
                return there
            ways = longer
        return []
