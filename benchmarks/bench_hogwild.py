"""Two threads that share weights without a lock, against one, against locks, against own weights.

    python benchmarks/bench_hogwild.py                     all cases, writes results/hogwild.json
    python benchmarks/bench_hogwild.py --quick             a minute: few rounds, writes nothing
    python benchmarks/bench_hogwild.py --case dense

All take the same number of steps of SGD on least squares, over the same examples. *Apart* is the
same two threads, each with weights of its own: what the machine could do if sharing cost nothing.
Nothing that races repeats, so what is compared before any clock is the loss at the end (not that of
*apart*, which learns another model). Dense problems have no target: there two threads are not much
faster than one, and that is the claim. At least two cores. How much sharing costs depends on how
far apart those are, which on a virtual machine can change within a run: it moves the ratios to
*one* and *apart* by a factor of two to four where weights are few.
"""

from __future__ import annotations

import sys

from command import Entrant, Heat, Race, drawing, main
from engines.lockfree import Passes, ScikitLearn, Threads
from race import Case

SHAPES = {  # examples, weights, of which an example has, epochs
    "sparse-1000000": (400_000, 1_000_000, 10, 2),
    "sparse-100000": (400_000, 100_000, 10, 2),
    "sparse-10000": (400_000, 10_000, 10, 2),
    "dense-1000": (2_000, 1_000, 1_000, 15),
    "dense-100": (10_000, 100, 100, 20),
}
TARGETS = {  # where an example has few of many weights
    "sparse-1000000": {"one": 1.3, "locked": 2.0},
    "sparse-100000": {"locked": 2.0},
}


def heats() -> list[Heat]:
    """From many weights to few, then dense."""
    found = []
    for name, (count, size, nonzeros, epochs) in SHAPES.items():
        kind = "sparse" if nonzeros < size else "dense"
        title = f"{nonzeros:,} of {size:,} weights an example"
        case = Case(name, kind, title, "1,000 steps", count * epochs // 1000, tolerance=0.02)
        targets = dict.fromkeys(("one", "apart", "locked", "sklearn")) | TARGETS.get(name, {})
        draw = drawing(Passes.draw, count, size, nonzeros, epochs)
        found.append(Heat(case, draw, "steps", targets))
    return found


NUMBA, DATA = "pip install 'mlsys[numba]'", "pip install 'mlsys[data]'"
RACE = Race(
    chapter="hogwild",
    about=__doc__,
    ours=lambda: Threads(2, "free"),
    heats=heats(),
    entrants=[
        Entrant("one", "one thread", lambda: Threads(1, "free"), NUMBA),
        Entrant("apart", "two, apart", lambda: Threads(2, "apart"), NUMBA),
        Entrant("locked", "two, locked", lambda: Threads(2, "locked"), NUMBA),
        Entrant("sklearn", "scikit-learn, one thread", ScikitLearn, DATA),
    ],
    processes=True,
)

if __name__ == "__main__":
    sys.exit(main(RACE, sys.argv[1:]))
