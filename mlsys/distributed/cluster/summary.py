"""A run as a table: what each rank returned and sent, and how long it worked and waited."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.table import Table

from mlsys.distributed.cluster.run import Run, Traffic

ROWS, WIDTH = 16, 40  # ranks shown one by one, and characters of a value
COLUMNS = ("sent", "bytes", "received", "bytes", "worked", "waited")


def table(run: Run) -> Table:
    """One line a rank, the first `ROWS` of them, and one of sums for all."""
    shown = Table(title=_title(run), title_justify="left", title_style="")
    shown.box, shown.padding, shown.pad_edge = box.SIMPLE_HEAD, (0, 0), False
    shown.add_column("rank", justify="right")
    for column in COLUMNS if run.traffic else ():
        shown.add_column(column, justify="right", no_wrap=True, min_width=len(column))
    shown.add_column("returned", no_wrap=True)
    for rank, value in enumerate(run.values[:ROWS]):
        shown.add_row(
            str(rank), *_counts(run.traffic, slice(rank, rank + 1)), _value(run, rank, value)
        )
    if run.traffic and len(run.values) > 1:
        left = len(run.values) - ROWS
        shown.add_section()
        shown.add_row(
            "all", *_counts(run.traffic, slice(None)), f"({left} more ranks)" if left > 0 else ""
        )
    return shown


def seconds(value: float) -> str:
    """A time that a reader takes in.

    >>> seconds(0.0000123), seconds(0.25), seconds(83.0)
    ('12.3 µs', '250 ms', '83 s')
    """
    for factor, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "µs")):
        if value * factor >= 1:
            return f"{value * factor:.4g} {unit}"
    return "0" if value == 0 else f"{value * 1e9:.4g} ns"


def _title(run: Run) -> str:
    parts = [f"{len(run.values)} ranks", seconds(run.seconds)]
    if run.traffic:
        parts.append(f"{run.traffic.rounds} round{'s' * (run.traffic.rounds != 1)}")
    if run.dead:
        parts.append(f"dead: {', '.join(map(str, run.dead))}")
    return " · ".join(parts)


def _counts(traffic: Traffic | None, ranks: slice) -> list[str]:
    """What these ranks have sent and done, together."""
    if traffic is None:
        return []
    counts = (
        traffic.sent_messages, traffic.sent_bytes,
        traffic.received_messages, traffic.received_bytes,
    )  # fmt: skip
    times = traffic.compute, traffic.waited
    return [f"{c[ranks].sum():,}" for c in counts] + [seconds(t[ranks].sum()) for t in times]


def _value(run: Run, rank: int, value: Any) -> str:
    text = "(dead)" if rank in run.dead else " ".join(repr(value).split())
    if isinstance(value, float):
        text = f"{value:.6g}"
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"
