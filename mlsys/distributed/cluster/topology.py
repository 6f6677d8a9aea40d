"""Which links a message crosses, and what each of them costs.

A link has a latency α (seconds) and an inverse bandwidth β (seconds per byte), and carries one
message at a time in each direction (the two directions are two links). A message of n bytes that
meets nobody takes α + β n, α being the sum over the links of its route and β that of the slowest.
With the same α and β for all pairs that is Hockney's model (1994); what it leaves out,
contention, begins where two routes share a link.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

ALPHA, BETA = 5e-6, 1e-10  # 5 µs and 10 GB/s: one rank's share of a good data-centre network


@dataclass(frozen=True)
class Topology:
    """``links[name]``, and the route between two ranks as names of links.

    Routes are asked for once per pair. A rank reaches itself over no link, at no cost.
    """

    ranks: int
    links: dict[str, tuple[float, float]]  # name: (alpha, beta)
    route: Callable[[int, int], list[str]]

    def __post_init__(self) -> None:
        _check(ranks=self.ranks)
        for name, (alpha, beta) in self.links.items():
            if not (0 <= alpha < float("inf") and 0 <= beta < float("inf")):
                raise ValueError(
                    f"link {name}: expected alpha >= 0 s and beta >= 0 s/byte, got {alpha}, {beta}"
                )


def _check(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name}: expected at least 1, got {size}")


def flat(ranks: int, alpha: float = ALPHA, beta: float = BETA) -> Topology:
    """Every rank has one port in and one out, to a switch that is never the bottleneck."""
    links = {f"out {rank}": (alpha, beta) for rank in range(ranks)}
    links |= {f"in {rank}": (0.0, beta) for rank in range(ranks)}
    return Topology(ranks, links, lambda a, b: [f"out {a}", f"in {b}"])


def two_level(
    nodes: int,
    per_node: int,
    inside: tuple[float, float] = (1e-6, 2e-11),
    between: tuple[float, float] = (ALPHA, BETA),
) -> Topology:
    """Machines with several ranks: fast inside, and one cable out of each for all of them.

    inside, between: (alpha, beta). Rank r is on node r // per_node.
    """
    _check(nodes=nodes, per_node=per_node)
    ranks = nodes * per_node
    links = {f"out {rank}": inside for rank in range(ranks)}
    links |= {f"in {rank}": (0.0, inside[1]) for rank in range(ranks)}
    links |= {f"up {node}": between for node in range(nodes)}
    links |= {f"down {node}": (0.0, between[1]) for node in range(nodes)}

    def route(a: int, b: int) -> list[str]:
        start, stop = a // per_node, b // per_node
        middle = [] if start == stop else [f"up {start}", f"down {stop}"]
        return [f"out {a}", *middle, f"in {b}"]

    return Topology(ranks, links, route)


def ring(ranks: int, alpha: float = ALPHA, beta: float = BETA) -> Topology:
    """Cables to the next and to the previous rank only; messages go the shorter way round."""
    links = {f"{r} right": (alpha, beta) for r in range(ranks)}
    links |= {f"{r} left": (alpha, beta) for r in range(ranks)}
    return Topology(ranks, links, lambda a, b: [f"{r} {way}" for r, way in _steps(a, b, ranks)])


def torus(rows: int, columns: int, alpha: float = ALPHA, beta: float = BETA) -> Topology:
    """A grid whose edges meet: rank r at (r // columns, r % columns); first along the row."""
    _check(rows=rows, columns=columns)
    ways = ("right", "left", "down", "up")
    links = {f"{r} {way}": (alpha, beta) for r in range(rows * columns) for way in ways}

    def route(a: int, b: int) -> list[str]:
        (row, column), (last, goal) = divmod(a, columns), divmod(b, columns)
        across = [f"{row * columns + c} {way}" for c, way in _steps(column, goal, columns)]
        turned = {"right": "down", "left": "up"}
        along = [f"{r * columns + goal} {turned[way]}" for r, way in _steps(row, last, rows)]
        return across + along

    return Topology(rows * columns, links, route)


def fat_tree(
    leaves: int,
    per_leaf: int,
    spines: int,
    alpha: float = ALPHA,
    beta: float = BETA,
) -> Topology:
    """Two layers of switches (Leiserson, 1985; Clos): each leaf has one cable to each spine.

    Rank r hangs on leaf r // per_leaf and reaches rank b over spine b % spines. With as many
    spines as ranks on a leaf nothing is shared but by choice of routes; with fewer the
    tree is oversubscribed per_leaf / spines to one. Half of alpha is paid in each layer.
    """
    _check(leaves=leaves, per_leaf=per_leaf, spines=spines)
    ranks, half = leaves * per_leaf, alpha / 2
    links = {f"out {rank}": (half, beta) for rank in range(ranks)}
    links |= {f"in {rank}": (0.0, beta) for rank in range(ranks)}
    pairs = [(leaf, spine) for leaf in range(leaves) for spine in range(spines)]
    links |= {f"leaf {leaf} to spine {spine}": (half, beta) for leaf, spine in pairs}
    links |= {f"spine {spine} to leaf {leaf}": (0.0, beta) for leaf, spine in pairs}

    def route(a: int, b: int) -> list[str]:
        start, stop, spine = a // per_leaf, b // per_leaf, b % spines
        over = [f"leaf {start} to spine {spine}", f"spine {spine} to leaf {stop}"]
        return [f"out {a}", *(over if start != stop else []), f"in {b}"]

    return Topology(ranks, links, route)


def _steps(start: int, stop: int, length: int) -> list[tuple[int, str]]:
    """The places left on the shorter way round a ring from ``start``, and the direction taken."""
    ahead = (stop - start) % length
    if ahead <= length - ahead:
        return [((start + i) % length, "right") for i in range(ahead)]
    return [((start - i) % length, "left") for i in range(length - ahead)]
