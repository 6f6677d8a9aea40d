"""The command ``python -m mlsys.distributed.hogwild.claims``: a paper's number, and ours.

python -m mlsys.distributed.hogwild.claims                    all
python -m mlsys.distributed.hogwild.claims hogwild-sparse     one of them

The names are those of the book's page of reproductions. Updates are counted on interleavings that
are played, and come out the same for everybody; seconds (hogwild-threads) are this machine's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

import numpy as np
import typer

from mlsys.distributed.hogwild.bound import slowdown, workers_allowed
from mlsys.distributed.hogwild.interleaving import Array, conflicts
from mlsys.distributed.hogwild.lowprecision import FixedPoint
from mlsys.distributed.hogwild.problems import LeastSquares, draw_order, plant
from mlsys.distributed.hogwild.threads import How, train
from mlsys.distributed.hogwild.trajectory import Add, in_turn, plain_add, run, updates_to

Line = tuple[str, str, str]  # the case; what the paper has, or "-"; what comes out here
RATE, EVERY = 0.5, 25  # of the steps; updates from one look at the loss to the next
STEPS = 5_000_000  # components that a thread's race goes through


def four_problems() -> dict[str, LeastSquares]:
    """2,000 examples each: 4 of 200 weights, that with one they share, all of 20, none negative."""
    rng = np.random.default_rng(0)
    return {
        "sparse": plant(2000, 200, 4, rng),
        "sparse, one shared": plant(2000, 200, 4, rng, shared=True),
        "dense": plant(2000, 20, 20, rng),
        "dense, positive": plant(2000, 20, 20, rng, positive=True),
    }


def order() -> Array:
    """The examples of 5,000 updates."""
    return np.random.default_rng(1).integers(2000, size=5000)


def updates(problem: LeastSquares, workers: int) -> float:
    """To a hundredth of the first loss, by workers that take turns; infinity if never."""
    turns = in_turn(len(order()), workers)
    losses = run(problem, order(), turns, RATE, every=EVERY)[1]
    return updates_to(losses, losses[0] / 100, EVERY)


def factor(problem: LeastSquares) -> float:
    """How many times the updates of one worker the theorem allows to 16."""
    return slowdown(*conflicts([keys for keys, _, _ in problem.rows()], problem.size), tau=15)


def times(problem: LeastSquares, *workers: int) -> list[str]:
    """The updates of so many workers over those of one, in words."""
    alone = updates(problem, 1)
    found = [updates(problem, each) / alone for each in workers]
    return [f"{ratio:.2f} times" if np.isfinite(ratio) else "never" for ratio in found]


def sparse() -> list[Line]:
    """Updates of workers in turn over those of one; examples have 4 of 200 weights."""
    workers = (4, 16, 64)
    ratios = times(four_problems()["sparse"], *workers)
    return [(f"{many} workers", "near 1", each) for many, each in zip(workers, ratios, strict=True)]


def dense() -> list[Line]:
    """Updates of 8 and of 16 workers over those of one; 4 of 200 weights, or all of 20."""
    return [
        (name, "-", "8: {}, 16: {}".format(*times(problem, 8, 16)))
        for name, problem in four_problems().items()
    ]


def bound() -> list[Line]:
    """Updates of 16 workers over those of one, at most and in fact; how many curvature allows."""
    return [
        (
            name,
            f"{factor(problem):,.0f} times",
            f"{times(problem, 16)[0]}; curvature allows {workers_allowed(problem, RATE)}",
        )
        for name, problem in four_problems().items()
    ]


def eight_bits() -> list[Line]:
    """The loss after 8,000 updates of weights of 8 bits, at a rate of 1/10 (De Sa and others)."""
    rng = np.random.default_rng(0)
    problem = plant(500, 50, 4, rng)
    rows = draw_order(problem, 16, rng)

    def loss(workers: int, add: Add) -> str:
        turns = in_turn(len(rows), workers)
        last = run(problem, rows, turns, 0.1, add=add, every=len(rows))[1][-1]
        return f"{1e6 * last:,.0f}"

    return [
        (f"{workers} in turn: {name}", "-", f"{loss(workers, add)} millionths")
        for workers in (1, 8)
        for name, add in (
            ("not rounded", plain_add),
            ("at random", FixedPoint(8, 2.0**-5, np.random.default_rng(1))),
            ("to the nearest", FixedPoint(8, 2.0**-5)),
        )
    ]


def threads() -> list[Line]:
    """Two threads over one, in steps a second, on this machine: another number each time."""
    rng, lines = np.random.default_rng(0), []
    ways: dict[str, tuple[int, How]] = {"free": (2, "free"), "locked": (2, "locked")}
    ways["apart"] = (2, "apart")
    for size, nonzeros in ((1_000_000, 10), (10_000, 10), (100, 100)):
        problem = plant(200_000 // nonzeros, size, nonzeros, rng)
        steps = rng.integers(len(problem), size=STEPS // nonzeros)
        alone = min(train(problem, steps, 0.1, 1)[1] for _ in range(5))
        gains = [
            f"{name} {alone / min(train(problem, steps, 0.1, *way)[1] for _ in range(5)):.1f}"
            for name, way in ways.items()
        ]
        lines.append((f"{nonzeros} of {size:,} weights", "nearly linear", ", ".join(gains)))
    return lines


CLAIMS: dict[str, Callable[[], list[Line]]] = {
    "hogwild-sparse": sparse,
    "hogwild-dense": dense,
    "hogwild-bound": bound,
    "buckwild": eight_bits,
    "hogwild-threads": threads,
}
Name = StrEnum("Name", {name: name for name in CLAIMS})  # type: ignore[misc]
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def show(names: Annotated[list[Name] | None, typer.Argument(help="Which; or all.")] = None) -> None:
    """Print what papers on lock-free SGD report beside what this code does."""
    for name in names or list(Name):
        experiment = CLAIMS[str(name)]
        print(f"{name}: {experiment.__doc__}")
        for what, paper, here in [("", "paper", "here"), *experiment()]:
            print(f"  {what:26} {paper:13} {here}")


def main() -> None:
    """A package that is missing is named on standard error, without a traceback; the code is 1."""
    try:
        app(prog_name="python -m mlsys.distributed.hogwild.claims")
    except ImportError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
