"""The loops that threads run, in plain Python, and as machine code where numba is installed.

Machine code made with ``nogil`` does not hold the interpreter's lock, so threads run at the same
time, on the same weights. Nothing between the reading and the writing of a weight stops another
thread: that is the algorithm. The same loop behind a lock is the algorithm that it replaced. As
plain Python, one after the other, they do the same some hundred times slower.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from mlsys.distributed.hogwild.interleaving import Array

Kernel = Callable[..., None]


def add_freely(
    weights: Array,
    starts: Array,
    keys: Array,
    values: Array,
    targets: Array,
    order: Array,
    rate: float,
) -> None:
    """A sparse step for each example in ``order``.

    weights: (size,) float64, changed in place. The other arrays are those of `LeastSquares`.
    """
    for row in order:
        error = -targets[row]
        for place in range(starts[row], starts[row + 1]):
            error += values[place] * weights[keys[place]]
        for place in range(starts[row], starts[row + 1]):
            weights[keys[place]] -= rate * error * values[place]


def count_up(counters: Array, keys: Array) -> None:
    """Add 1 to the counter of each key; what is missing in the end was lost."""
    for key in keys:
        counters[key] += 1.0


@functools.cache
def compiled(loop: Kernel) -> Kernel:
    """``loop`` as machine code, which lets other threads run; made when it is first called.

    Raises ImportError, which says what to install.
    """
    return _numba().njit(nogil=True)(loop)  # type: ignore[no-any-return]


@functools.cache
def add_under_lock() -> Kernel:
    """`add_freely` as machine code that takes a lock for each step.

    The lock is its first argument, (1,) int64, 0 while nobody has it; who waits for it spins.
    """
    numba, free, exchange = _numba(), compiled(add_freely), _exchange()

    def one_by_one(
        lock: Array,
        weights: Array,
        starts: Array,
        keys: Array,
        values: Array,
        targets: Array,
        order: Array,
        rate: float,
    ) -> None:
        for k in range(len(order)):
            while exchange(lock, 1):
                pass
            free(weights, starts, keys, values, targets, order[k : k + 1], rate)
            exchange(lock, 0)

    return numba.njit(nogil=True)(one_by_one)  # type: ignore[no-any-return]


def _exchange() -> Any:
    """``exchange(lock, value)``: put a value into the lock and get what was there, in one."""
    from numba.core import types
    from numba.extending import intrinsic
    from numba.np import arrayobj

    arrays: Any = arrayobj  # has no types

    def exchange(_: Any, lock: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            array = arrays.make_array(signature.args[0])(context, builder, arguments[0])
            return builder.atomic_rmw("xchg", array.data, arguments[1], "seq_cst")

        return types.int64(lock, types.int64), generate

    return intrinsic(exchange)


def _numba() -> Any:
    try:
        import numba
    except ImportError:
        raise ImportError(
            "threads that run at the same time need compiled loops: pip install 'mlsys[numba]'"
        ) from None
    return numba
