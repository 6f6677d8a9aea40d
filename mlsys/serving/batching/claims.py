"""The command ``python -m mlsys.serving.batching.claims``: a paper's number, and ours.

python -m mlsys.serving.batching.claims                      all
python -m mlsys.serving.batching.claims adaptive-batching    one of them

The names are those of the book's page of reproductions. Everything runs on the virtual clock, so
that it comes out the same for everybody.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

import typer

from mlsys.serving.batching import experiments
from mlsys.serving.batching.experiments import CONVOLUTIONAL, LINEAR

Line = tuple[str, str, str]  # the case; what the paper has, or "-"; what comes out here


def adaptive_batching() -> list[Line]:
    """Answers a second of a saturated device whose batches may take 20 ms (Clipper, figure 4)."""
    lines = []
    for name, device, paper in (
        ("linear model", LINEAR, "26 times"),
        ("convolutions", CONVOLUTIONAL, "-"),
    ):
        found = experiments.gain(device)
        cost = f"{1e6 * device.fixed:,.0f} µs and {1e6 * device.each:,.0f} µs for each"
        lines.append((f"{name}, a batch takes", "-", cost))
        lines.append((f"{name}, one by one", "-", f"{found.one_by_one:,.0f}"))
        lines.append(
            (f"{name}, adaptive", paper, f"{found.adaptive:,.0f}, {found.times:.1f} times")
        )
    return lines


def adaptive_against_best() -> list[Line]:
    """Adaptive batches over the best fixed size, which somebody has to know."""
    lines = []
    for name, device in (("linear model", LINEAR), ("convolutions", CONVOLUTIONAL)):
        found = experiments.gain(device)
        share = f"{100 * found.adaptive / found.best:.0f} % of the best, {found.best_size}"
        late = f"{100 * found.late:.0f} % of the batches took too long"
        lines.append((name, "-", f"{share}; {late}"))
    return lines


def tracks_a_change() -> list[Line]:
    """Time until batches are in time again, after the device has become twice as slow."""
    found = experiments.slower_device()
    before, after = found.best
    return [
        ("largest batch in time", "-", f"{before:.0f}, then {after:.0f}"),
        ("found after", "-", f"{found.settled():.2f} s"),
    ]


CLAIMS: dict[str, Callable[[], list[Line]]] = {
    "adaptive-batching": adaptive_batching,
    "adaptive-against-best": adaptive_against_best,
    "tracks-a-change": tracks_a_change,
}
Name = StrEnum("Name", {name: name for name in CLAIMS})  # type: ignore[misc]
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def show(names: Annotated[list[Name] | None, typer.Argument(help="Which; or all.")] = None) -> None:
    """Print what papers on batching report beside what this code does."""
    for name in names or list(Name):
        experiment = CLAIMS[str(name)]
        print(f"{name}: {experiment.__doc__}")
        for what, paper, here in [("", "paper", "here"), *experiment()]:
            print(f"  {what:28} {paper:13} {here}")


if __name__ == "__main__":
    app(prog_name="python -m mlsys.serving.batching.claims")
