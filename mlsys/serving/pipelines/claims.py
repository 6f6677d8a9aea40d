"""The command ``python -m mlsys.serving.pipelines.claims``: a paper's number, and ours.

python -m mlsys.serving.pipelines.claims                         all
python -m mlsys.serving.pipelines.claims pipeline-provisioning   one of them

The names are those of the book's page of reproductions. Times are virtual, stages and machines made
up, digits real, and everything comes out the same for everybody.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

import typer

from mlsys.serving.pipelines import experiments, nested

Line = tuple[str, str, str]  # the case; what the paper has, or "-"; what comes out here


def provisioning() -> list[Line]:
    """Dollars an hour, planned by stages and as whole copies for the peak, at 150 requests/s."""
    found = experiments.provisioned((0.1, 0.2, 0.4))
    lines = [
        (
            f"within {1e3 * each.objective:.0f} ms",
            "-",
            f"{each.planned:.2f} and {each.peak:.2f}, {each.times:.1f} times",
        )
        for each in found
    ]
    return [*lines, ("at most", "7.6 times", f"{max(each.times for each in found):.1f} times")]


def change() -> list[Line]:
    """Traffic trebles within a minute: dollars for 5 minutes, and requests later than 300 ms."""
    found = experiments.changing()
    lines = [(each.name, "-", f"{each.paid:.2f}, {100 * each.late:.1f} % late") for each in found]
    cost = found[2].paid / found[4].paid
    late = found[3].late / found[4].late
    return [
        *lines,
        ("copies over tuned", "7.6 times", f"{cost:.1f} times the price"),
        ("rate over envelope", "34.5 times", f"{late:.1f} times as many late"),
    ]


def sharing() -> list[Line]:
    """A hundred pipelines for digits: 4 versions of the features, and a last layer each."""
    found = nested.shared()
    before, after = found.nbytes
    alone, together = found.steps
    return [
        ("memory", "25 times", f"{before / 1e6:.1f} MB and {after / 1e6:.2f} MB"),
        ("so many times less", "25 times", f"{before / after:.1f}"),
        ("steps for one image", "-", f"{alone} and {together}"),
    ]


def exits() -> list[Line]:
    """60 cosines for most digits, 400 where those doubt: right answers, and multiplications."""
    found = nested.early_exit()
    alone, cascade, early = found.cost
    return [
        ("always 400", "-", f"{100 * found.large:.1f} % right, {alone:,.0f}"),
        ("always 60", "-", f"{100 * found.small:.1f} % right"),
        ("with an exit", "as good, cheaper", f"{100 * found.accuracy:.1f} % right, {early:,.0f}"),
        ("as a cascade", "-", f"{cascade:,.0f}, of which {100 * found.asked:.0f} % go on"),
    ]


CLAIMS: dict[str, Callable[[], list[Line]]] = {
    "pipeline-provisioning": provisioning,
    "traffic-change": change,
    "white-box-sharing": sharing,
    "early-exit": exits,
}
Name = StrEnum("Name", {name: name for name in CLAIMS})  # type: ignore[misc]
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def show(names: Annotated[list[Name] | None, typer.Argument(help="Which; or all.")] = None) -> None:
    """Print what papers on pipelines report beside what this code does."""
    for name in names or list(Name):
        experiment = CLAIMS[str(name)]
        print(f"{name}: {experiment.__doc__}")
        for what, paper, here in [("", "paper", "here"), *experiment()]:
            print(f"  {what:28} {paper:17} {here}")


if __name__ == "__main__":
    app(prog_name="python -m mlsys.serving.pipelines.claims")
