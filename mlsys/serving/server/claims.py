"""The command ``python -m mlsys.serving.server.claims``: what a paper says, and what comes out.

python -m mlsys.serving.server.claims                  all
python -m mlsys.serving.server.claims stragglers       one of them

The names are those of the book's page of reproductions. Times are virtual, models and data real,
and everything comes out the same for everybody.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

import numpy as np
import typer

from mlsys.foundations.datasets import Zipf
from mlsys.foundations.simulation.service import TwoPoint
from mlsys.serving.server import experiments

Line = tuple[str, str, str]  # the case; what the paper has, or "-"; what comes out here
WIDTHS = [20, 40, 60, 80, 100]  # of five models for handwritten digits


def caching() -> list[Line]:
    """The share of requests that a cache answers: 10,000 keys, Zipf's exponent 1.1."""
    rng = np.random.default_rng(0)
    found = experiments.hit_rates(Zipf(10_000, 1.1), [10, 100, 1000], 20_000, rng)
    return [
        (
            f"{each.entries} entries",
            "-",
            f"LRU {each.lru:.2f} (law {each.expected:.2f}), CLOCK {each.clock:.2f}",
        )
        for each in found
    ]


def ensemble() -> list[Line]:
    """Errors of five models for digits, of their vote, and of the vote where they disagree."""
    found = experiments.voted(experiments.committee(WIDTHS))
    agreed = f"{100 * found.error_if_agreed:.1f} % of {100 * found.agreed:.0f} %"
    return [
        ("the best alone", "-", f"{100 * found.best:.1f} % wrong"),
        ("the vote", "fewer", f"{100 * found.vote:.1f} % wrong"),
        ("all agree", "fewer", agreed),
        ("not all", "more", f"{100 * found.error_if_not:.1f} % wrong"),
    ]


def recovery() -> list[Line]:
    """Errors before, while and after the best of five models answers at random."""
    models, lines = experiments.committee(WIDTHS), []
    for stir in (0.0, 0.01):
        run = experiments.recovered(models, 10_000, stir=stir, rng=np.random.default_rng(0))
        ways = {"the best, for ever": run.best, "Exp3": run.asked, "vote": run.vote}
        for name, wrong in ways.items():
            here = ", ".join(f"{100 * share:.1f} %" for share in run.errors(wrong))
            if name != "the best, for ever" or not stir:
                lines.append((f"{name}, forgetting {stir:g}", "-", here))
    return lines


def stragglers() -> list[Line]:
    """Of votes, the slowest in a hundred: all waited for, or at 20 ms those that are there."""
    models, slow = experiments.committee(WIDTHS), TwoPoint(0.005, 0.2, 0.01)
    lines = []
    for members in (1, 3, 5):
        rng = np.random.default_rng(1)
        row = experiments.straggled(models, members, slow, 0.020, 3000, rng)
        tails = f"{1e3 * row.tail:.0f} ms, or {1e3 * row.tail_in_time:.0f} ms"
        wrong = f"{100 * row.error:.1f} % wrong, or {100 * row.error_in_time:.1f} %"
        lines.append((f"{members} members", "-", f"{tails}; {wrong}"))
    return lines


CLAIMS: dict[str, Callable[[], list[Line]]] = {
    "prediction-cache": caching,
    "ensemble-confidence": ensemble,
    "bandit-recovery": recovery,
    "stragglers": stragglers,
}
Name = StrEnum("Name", {name: name for name in CLAIMS})  # type: ignore[misc]
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def show(names: Annotated[list[Name] | None, typer.Argument(help="Which; or all.")] = None) -> None:
    """Print what papers on serving report beside what this code does."""
    for name in names or list(Name):
        experiment = CLAIMS[str(name)]
        print(f"{name}: {experiment.__doc__}")
        for what, paper, here in [("", "paper", "here"), *experiment()]:
            print(f"  {what:26} {paper:8} {here}")


if __name__ == "__main__":
    app(prog_name="python -m mlsys.serving.server.claims")
