"""Why nothing goes on: who waits for whom, for what, and at which line.

A wait-for graph has an arrow from each rank that waits to the rank that could end its waiting. When
every rank that is left waits, the program is stuck; a circle of arrows (Coffman, Elphick and
Shoshani, 1971), or an arrow to a rank that has ended, says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MOST = 8  # ranks that are listed one by one


@dataclass(frozen=True)
class Waiting:
    """A rank that waits: for what, for which ranks, and at which line of its program."""

    rank: int
    what: str
    peers: Sequence[int]
    line: str = ""


def explain(waiting: Sequence[Waiting], ended: Mapping[int, str]) -> str:
    """A text for people. ended: for each rank that is gone, how: "has returned", "is dead"."""
    rows = [f"rank {w.rank} waits {w.what}{f', at {w.line}' if w.line else ''}" for w in waiting]
    if len(rows) > MOST:
        rows = [*rows[:MOST], f"and {len(rows) - MOST} more"]
    rows += [
        f"rank {peer}, for which rank {w.rank} waits, {ended[peer]}"
        for w in waiting[:MOST]
        for peer in w.peers
        if peer in ended
    ]
    if circle := circle_of(waiting):
        rows.append("a circle: rank " + ", which waits for rank ".join(map(str, circle)))
    rows.insert(0, "deadlock: every rank that is left waits, and no message is on its way")
    return "\n  ".join(rows)


def circle_of(waiting: Sequence[Waiting]) -> list[int]:
    """Ranks of which each waits for the next, the first one at both ends; [] if there are none.

    >>> circle_of([Waiting(0, "", (1,)), Waiting(1, "", (2,)), Waiting(2, "", (1,))])
    [1, 2, 1]
    """
    left = {w.rank: w.peers for w in waiting}
    while free := [rank for rank in left if not any(peer in left for peer in left[rank])]:
        for rank in free:  # it waits for nobody who waits, or no more
            del left[rank]
    path = list(left)[:1]
    while path and path[-1] not in path[:-1]:
        path.append(next(peer for peer in left[path[-1]] if peer in left))
    return path[path.index(path[-1]) :] if path else []
