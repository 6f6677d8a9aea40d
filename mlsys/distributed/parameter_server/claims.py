"""The command ``python -m mlsys.distributed.parameter_server.claims``: a paper's number, and ours.

python -m mlsys.distributed.parameter_server.claims                 all, in ten seconds
python -m mlsys.distributed.parameter_server.claims key-caching     one of them

The names are those of the book's page of reproductions. Everything runs on the virtual clock, so
that it comes out the same for everybody.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

import numpy as np
import typer

from mlsys.distributed.parameter_server import experiments, staleness
from mlsys.distributed.parameter_server.columns import Plan
from mlsys.distributed.parameter_server.consistency import ASP, BSP, SSP
from mlsys.distributed.parameter_server.filters import KKT
from mlsys.distributed.parameter_server.hashing import spread

Line = tuple[str, str, str]  # the case; what the paper has, or "-"; what comes out here


def percent(share: float, digits: int = 0) -> str:
    """
    >>> percent(0.047), percent(0.047, 1)
    ('5 %', '4.7 %')
    """
    return f"{100 * share:.{digits}f} %"


def bounded_delay() -> list[Line]:
    """Time to a loss with each delay, of six workers (Li and others, figure 13)."""
    delays, papers = (0, 1, 2, 4, 8, 16), {0: "50 % waiting", 16: "1.7 % waiting"}
    found = dict(zip(delays, staleness.bounded_delay(delays), strict=True))
    lines = []
    for delay, (seconds, updates, waiting, _) in found.items():
        here = f"{percent(waiting)} of {seconds:.2f} s waiting, {updates:,} iterations"
        lines.append((f"delay {delay}", papers.get(delay, "-"), here))
    best = min(delays, key=lambda delay: found[delay].seconds)
    ratio = found[best].seconds / found[0].seconds
    return [*lines, ("fastest", "delay 8", f"delay {best}, in {ratio:.2f} of delay 0's time")]


def stale_synchronous() -> list[Line]:
    """Eight workers with accidents, to one loss (Ho and others)."""
    rules = {"BSP": BSP, "SSP, slack 8": SSP(8), "ASP": ASP}
    return [
        (name, "-", f"{result.seconds:.1f} s, {result.updates:,} updates")
        for name, result in zip(rules, staleness.stragglers(list(rules.values())), strict=True)
    ]


def key_caching() -> list[Line]:
    """Bytes of a pull and a push, with keys and with a signature (Li and others, figure 11)."""
    lines = []
    for width, dtype, paper in ((1, "<f8", "nearly 50 % saved"), (1, "<f4", "-"), (16, "<f4", "-")):
        told, named = (experiments.bytes_a_row(width, dtype, each) for each in (False, True))
        here = f"{told:.1f} to {named:.1f} bytes a row, {percent(1 - named / told)} saved"
        lines.append((f"rows of {width} x {8 * np.dtype(dtype).itemsize} bits", paper, here))
    return lines


def kkt_filter() -> list[Line]:
    """Rows that need not be pushed, and what it does to the objective (figure 12)."""
    every, some = experiments.fit_clicks(), experiments.fit_clicks(KKT(staleness.L1, 2.0))
    plan = Plan(staleness.click_parts(1, 1)[1], 10)
    out = experiments.left_out(every.rows, some.rows, plan)
    apart = abs(some.objective / every.objective - 1)
    return [
        ("left out where filtered", "> 93 %", percent(out)),
        ("rows pushed in all", "-", f"{some.rows:,} in place of {every.rows:,}"),
        ("objective", "-", f"differs by {1e6 * apart:.0f} millionths"),
        ("weights", "-", f"{plan.bounds[-1]:,}, of which {some.kept} are not 0 in the end"),
    ]


def compression() -> list[Line]:
    """Bytes by which packets shrink, keys being known already (figure 11)."""
    plain, packed = (experiments.fit_clicks(level=level) for level in (0, 6))
    both = experiments.fit_clicks(KKT(staleness.L1, 2.0), level=6)
    server = plain.server_bytes / packed.server_bytes
    worker = plain.worker_bytes / both.worker_bytes
    return [
        ("servers, zlib", "> 20 times less", f"{server:.1f} times less"),
        ("workers, zlib and KKT", "> 6 times less", f"{worker:.1f} times less"),
    ]


def recovery() -> list[Line]:
    """How long a job stands still when a server dies (table 5)."""
    lines = []
    for detection, paper in ((0.01, "0.8 s"), (0.1, "-")):
        found = experiments.count(detection=detection)
        wrong = int((found.numbers != 4 * experiments.COUNTS).sum())
        took = f"an iteration of {1e3 * found.usual:.1f} ms takes {1e3 * found.pause:.1f}"
        what = f"unnoticed for {1e3 * detection:.0f} ms"
        lines.append((what, paper, f"{took}; {wrong} numbers are wrong"))
    return lines


def consistent_hashing() -> list[Line]:
    """10,000 shards on 20 servers, over the mean (Karger and others)."""
    lines = []
    for virtual in (1, 8, 64, 512):
        fullest, deviation, moved = experiments.shares(virtual)
        law, move = spread(20, virtual), percent(moved, 1)
        here = f"fullest {fullest:.2f}, spread {deviation:.2f} (law: {law:.2f}); 1 goes: {move}"
        lines.append((f"points of a server: {virtual}", "-", here))
    return lines


def hot_keys() -> list[Line]:
    """Requests at the busiest of 128 servers, over the mean: Zipf keys in 1,024 shards."""
    lines = []
    for mixed, keys in ((False, "sorted"), (True, "mixed")):
        for bound, held in ((np.inf, "one copy"), (0.5, "more of hot ones")):
            found = experiments.hot_keys(128, mixed=mixed, bound=bound)
            here = f"busiest {found.busiest:.1f}, {found.copies} more copies"
            lines.append((f"keys {keys}, {held}", "-", here))
    return lines


CLAIMS: dict[str, Callable[[], list[Line]]] = {
    "bounded-delay-sweet-spot": bounded_delay,
    "ssp-beats-both": stale_synchronous,
    "key-caching": key_caching,
    "kkt-filter": kkt_filter,
    "compression": compression,
    "recovery": recovery,
    "consistent-hashing": consistent_hashing,
    "hot-keys": hot_keys,
}
Name = StrEnum("Name", {name: name for name in CLAIMS})  # type: ignore[misc]
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def show(names: Annotated[list[Name] | None, typer.Argument(help="Which; or all.")] = None) -> None:
    """Print what papers on parameter servers report beside what this code does."""
    for name in names or list(Name):
        experiment = CLAIMS[str(name)]
        print(f"{name}: {experiment.__doc__}")
        for what, paper, here in [("", "paper", "here"), *experiment()]:
            print(f"  {what:29} {paper:18} {here}")


def main() -> None:
    """A package that is missing is named on standard error, without a traceback; the code is 1."""
    try:
        app(prog_name="python -m mlsys.distributed.parameter_server.claims")
    except ImportError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
