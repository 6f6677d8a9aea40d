"""When do updates without locks do no harm?

Read in this order:

- ``interleaving``: which weights a step reads, and what becomes of what it writes.
- ``problems``: sparse and dense least squares.
- ``trajectory``: the loss along a run that reads late.
- ``bound``: what that costs at most, and from where on it diverges.
- ``contention``: what sharing costs the hardware, in cache lines.
- ``lowprecision``: weights of few bits.
- ``kernels``, ``threads``: the same on threads, compiled; ``pip install 'mlsys[numba]'``.
- ``processes``: the same on processes and shared memory.
"""

from mlsys.distributed.hogwild.bound import largest_rate, slowdown
from mlsys.distributed.hogwild.interleaving import conflicts, interleaved, sparse_step
from mlsys.distributed.hogwild.problems import LeastSquares, draw_order, plant

__all__ = [
    "LeastSquares",
    "conflicts",
    "draw_order",
    "interleaved",
    "largest_rate",
    "plant",
    "slowdown",
    "sparse_step",
]
