"""Graphs whose structure is planted: communities, or a power law; in time linear in the edges.

Nothing looks at all n² pairs. The block model draws how many edges a pair of communities has,
then which: exactly the law of one coin per pair (Holland, Laskey and Leinhardt, 1983).
Preferential attachment lets each edge copy an end of an earlier one, all at once (Barabási and
Albert, 1999; Batagelj and Brandes, 2005).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mlsys.foundations.datasets.cards import Card

Array = npt.NDArray[np.float64]
Nodes = npt.NDArray[np.int64]
_OURS = ("generated: mlsys.foundations.datasets.graphs", "MIT")
CARDS = (
    Card(
        "communities",
        "A graph of communities",
        *_OURS,
        planted="communities, rates of edges, feature means",
        size="any number of nodes",
    ),
    Card(
        "attachment",
        "A graph with a power law",
        *_OURS,
        planted="degrees with k^-3 in the tail",
        size="any number of nodes",
    ),
)


@dataclass(frozen=True, eq=False)
class Graph:
    """An undirected graph without loops or double edges, in compressed rows as SciPy has them.

    The neighbours of node v are ``indices[indptr[v] : indptr[v + 1]]``, in order; each edge
    stands there twice.
    """

    indptr: Nodes  # (n + 1,)
    indices: Nodes  # (2 m,)

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @property
    def degree(self) -> Nodes:
        """Neighbours of each node, shape (n,)."""
        return np.diff(self.indptr)

    def neighbours(self, node: int) -> Nodes:
        """Of one node, in order."""
        return self.indices[self.indptr[node] : self.indptr[node + 1]]


def compressed(edges: Nodes, nodes: int) -> Graph:
    """The graph of ``edges``, shape (m, 2), any order and direction; repeats and loops dropped."""
    edges = edges[edges[:, 0] != edges[:, 1]]
    both = np.concatenate([edges, edges[:, ::-1]])
    code = np.sort(both[:, 0] * nodes + both[:, 1])  # by node, then by neighbour
    code = code[np.diff(code, prepend=-1) > 0]
    source, target = np.divmod(code, nodes)
    return Graph(np.searchsorted(source, np.arange(nodes + 1)), target)


def block_model(
    sizes: list[int], probability: npt.NDArray[Any], rng: np.random.Generator
) -> tuple[Nodes, Nodes]:
    """Edges, shape (m, 2), and the community of each node, shape (n,).

    sizes: of the communities, which are numbered one after the other. probability: symmetric,
    shape (k, k); a node of community a and one of b are joined with chance [a, b].
    """
    p = np.asarray(probability, dtype=float)
    if p.shape != (len(sizes),) * 2 or (p != p.T).any() or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(
            f"probability: expected a symmetric matrix of {len(sizes)} rows with entries in "
            f"[0, 1], one for each pair of communities, got {p.tolist()}"
        )
    start = np.cumsum([0, *sizes])
    blocks = [
        start[[a, b]] + _pairs(sizes[a], None if a == b else sizes[b], p[a, b], rng)
        for a in range(len(sizes))
        for b in range(a + 1)
    ]
    return np.concatenate(blocks), np.repeat(np.arange(len(sizes)), sizes)


def _pairs(rows: int, columns: int | None, p: float, rng: np.random.Generator) -> Nodes:
    """Each pair with chance p: of a row and a column, or of two different rows."""
    pairs = rows * columns if columns is not None else rows * (rows - 1) // 2
    count = rng.binomial(pairs, p)
    chosen = rng.choice(pairs, count, replace=False, shuffle=False) if count else np.empty(0, int)
    return np.column_stack(np.divmod(chosen, columns) if columns else triangle(chosen))


def triangle(number: Nodes) -> tuple[Nodes, Nodes]:
    """The pair i > j with the given number when pairs stand in order: (1, 0), (2, 0), (2, 1), ...

    >>> i, j = triangle(np.arange(6))
    >>> i.tolist(), j.tolist()
    ([1, 2, 2, 3, 3, 3], [0, 0, 1, 0, 1, 2])
    """
    i = ((1 + np.sqrt(8.0 * number + 1)) / 2).astype(np.int64)
    i -= i * (i - 1) // 2 > number  # a square root that was rounded up
    i += i * (i + 1) // 2 <= number  # or down
    return i, number - i * (i - 1) // 2


def community_features(
    community: Nodes, width: int, signal: float, rng: np.random.Generator
) -> Array:
    """Features, shape (n, width): the community's mean, of about ``signal`` length, plus noise.

    The noise is standard normal in each column.
    """
    means = rng.normal(0, signal / np.sqrt(width), (int(community.max()) + 1, width))
    return np.asarray(means[community] + rng.standard_normal((len(community), width)))


def attachment(nodes: int, degree: int, rng: np.random.Generator) -> Nodes:
    """Edges, shape (nodes * degree, 2): each new node brings ``degree`` of them.

    The other end of an edge is a random end of the edges so far, its own new end among them. So a
    node is chosen in proportion to its degree, and loops and repeats occur, seldom when there are
    many nodes. The limit: a share 2 d (d + 1) / (k (k + 1) (k + 2)) of nodes has degree k >= d.
    """
    if nodes < 1 or degree < 1:
        raise ValueError(f"expected at least one node and one edge each, got {nodes}, {degree}")
    edge = np.arange(nodes * degree)
    return np.column_stack([edge // degree, resolve(rng.integers(0, 2 * edge + 1), degree)])


def resolve(copied: Nodes, degree: int) -> Nodes:
    """Which node each edge leads to, shape (m,), when edge e copies the end number copied[e].

    End 2 e is the new node of edge e, end 2 e + 1 the one it leads to, which is a copy in its
    turn. All chains are followed at once, and each step halves them: about log m steps.
    """
    end = copied.copy()
    while (open_ := end % 2 == 1).any():
        end[open_] = end[end[open_] // 2]
    return end // 2 // degree


def resolve_one_by_one(copied: Nodes, degree: int) -> Nodes:
    """As ``resolve``, edge by edge; the list of ends grows as in a model that is told, not run."""
    ends: list[int] = []
    for edge, copy in enumerate(copied):
        ends.append(edge // degree)
        ends.append(ends[copy])
    return np.array(ends[1::2], dtype=np.int64)
