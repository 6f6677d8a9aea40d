"""Locality: the same elements in another order cost another number of cache lines.

    memory   | 0 1 2 3 | 4 5 6 7 | 8 ...     lines of four elements, fetched whole

    along a row       0 1 2 3 4 5 6 7        one fetch for four elements
    down a column     0 8 16 24 ...          one for each element, unless its line is still there

A walk is a sequence of positions, and the order of loops is a layout: exchanging loops is a
transpose, blocking them a reshape and a transpose. The cache keeps, in each of its sets, the lines
used last (LRU). It knows nothing of prefetching, of several levels, or of time: it counts lines.
Source: Hennessy & Patterson, "Computer Architecture: A Quantitative Approach", appendix B.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mlsys.foundations.tensor.layout import Array, Layout, contiguous, positions
from mlsys.foundations.tensor.reshape import reshape
from mlsys.foundations.tensor.views import transpose


@dataclass(frozen=True)
class Cache:
    """A cache of sets * ways lines; line n can lie in set n % sets only.

    line: elements in a line. With one set it is fully associative.

    >>> Cache(line=8, sets=64, ways=8).capacity
    4096
    """

    line: int
    ways: int
    sets: int = 1

    @property
    def capacity(self) -> int:
        """How many elements it holds."""
        return self.line * self.ways * self.sets


def lines_fetched(walk: Iterable[int], cache: Cache) -> int:
    """How often the walk needs a line that the cache does not hold, beginning with none.

    >>> lines_fetched(range(32), Cache(line=8, ways=1))
    4
    """
    held: list[OrderedDict[int, None]] = [OrderedDict() for _ in range(cache.sets)]
    fetched = 0
    for place in walk:
        number = place // cache.line
        lines = held[number % cache.sets]
        if number in lines:
            lines.move_to_end(number)
            continue
        fetched += 1
        lines[number] = None
        if len(lines) > cache.ways:
            lines.popitem(last=False)  # the one whose last use is longest ago
    return fetched


def walk(*layouts: Layout) -> list[int]:
    """The positions that a loop over all indices touches; several operands take turns."""
    turns: Array = np.stack([positions(layout) for layout in layouts], axis=-1)
    return turns.ravel().tolist()


def tiles(layout: Layout, side: int) -> Layout:
    """A matrix as (tile row, tile column, row, column): walked tile after tile, without a copy.

    side: divides both lengths of the matrix.
    """
    rows, columns = layout.shape
    cut = reshape(layout, (rows // side, side, columns // side, side))
    return transpose(cut, (0, 2, 1, 3))


def matmul_operands(n: int, order: str) -> list[Layout]:
    """C[i, j] += A[i, k] * B[k, j] for n x n matrices, as three layouts over one nest of loops.

    order: the loops from the outermost, such as "ikj". An operand stands still (stride 0) along
    the loop whose letter it lacks. The three matrices lie one after the other.

    >>> [layout.strides for layout in matmul_operands(4, "ikj")]
    [(4, 1, 0), (0, 4, 1), (4, 0, 1)]
    """
    row, column = contiguous((n, n)).strides
    steps = [{"i": row, "k": column}, {"k": row, "j": column}, {"i": row, "j": column}]
    return [
        Layout((n, n, n), tuple(step.get(loop, 0) for loop in order), which * n * n)
        for which, step in enumerate(steps)
    ]
