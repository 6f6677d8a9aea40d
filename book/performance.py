"""Draws the page ``appendix/performance`` from ``benchmarks/results/*.json``.

A benchmark times ours and a peer in turn in one run, so a ratio compares like with like; the
seconds themselves belong to the machine that is named beside them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Any

import figures
from IPython.display import Markdown
from matplotlib.figure import Figure
from matplotlib.transforms import Transform, blended_transform_factory

RESULTS = Path(__file__).resolve().parents[1] / "benchmarks" / "results"
ABSENT = "No result is recorded yet: `make bench` writes it."
SIGNS = {True: "✓", False: "✗", None: ""}
COLORS = {True: figures.PALETTE[2], False: figures.PALETTE[4], None: figures.PALETTE[5]}
MARKS = {True: "o", False: "X", None: "s"}
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
DECADES = (0.1, 1, 10, 100, 1000)  # where the drawing spans so much that those would touch


def report(chapter: str, results: Path = RESULTS) -> dict[str, Any] | None:
    """The recorded benchmark of a chapter, or None."""
    path = results / f"{chapter}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def rows(found: dict[str, Any] | None, groups: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of some groups, in the order of the file; all of them for no groups."""
    return [r for r in (found or {}).get("rows", []) if not groups or r["group"] in groups]


def ratios(found: dict[str, Any] | None, *groups: str) -> Figure:
    """How many times faster ours is than each peer: a mark, its spread, and the target."""
    cases = [(title, list(of)) for title, of in groupby(rows(found, groups), lambda r: r["title"])]
    lines = sum(len(of) + 1 for _, of in cases)
    fig, ax = figures.axes(height=0.7 + 0.23 * max(lines, 2))
    if cases:
        _draw(ax, cases)
    else:
        ax.set_axis_off()
        ax.text(0.5, 0.5, "no result yet", ha="center", color=figures.MUTED)
    return fig


def _draw(ax: Any, cases: list[tuple[str, list[dict[str, Any]]]]) -> None:
    ticks: list[tuple[int, str]] = []
    place = 0
    for title, of in cases:
        _headline(ax, place, title)
        for row in of:
            place += 1
            _mark(ax, place, row)
            ticks.append((place, row["peer_title"]))
        place += 1
    ax.axvline(1, color=figures.MUTED, linewidth=1.2)
    ax.set_xscale("log")
    ax.set_yticks([at for at, _ in ticks], [name for _, name in ticks], fontsize=9)
    ax.set_ylim(place - 0.4, -0.7)
    ax.grid(axis="y", visible=False)
    low, high = ax.get_xlim()
    marks = TICKS if high < 300 * low else DECADES
    ax.set_xticks(
        values := [v for v in marks if low <= v <= high],
        [f"{v:g}×" for v in values],
    )
    ax.minorticks_off()
    figures.label(ax, x="time of the peer ÷ time of ours")


def _headline(ax: Any, place: int, title: str) -> None:
    """The case's title, from the left edge of the drawing and over its lines."""
    paper = {"facecolor": figures.PAPER, "edgecolor": "none", "pad": 1.5}
    text = ax.text(
        0.01,
        place,
        title,
        transform=_across(ax),
        va="center",
        bbox=paper,
        fontsize=9,
        color=figures.INK,
    )
    text.set_in_layout(False)


def _across(ax: Any) -> Transform:
    """Horizontally a share of the whole drawing, vertically the panel's own data."""
    return blended_transform_factory(ax.figure.transFigure, ax.transData)


def _mark(ax: Any, place: int, row: dict[str, Any]) -> None:
    color = COLORS[row["holds"]]
    ax.plot([row["ratio_low"], row["ratio_high"]], [place, place], color=color, marker="")
    ax.plot([row["ratio"]], [place], color=color, marker=MARKS[row["holds"]], markersize=6)
    if row["target"] is not None:
        ax.plot([row["target"]], [place], color=figures.INK, marker="|", markersize=11)


def table(found: dict[str, Any] | None, *groups: str) -> Markdown:
    """The same numbers in words: a row for each case and peer."""
    if not found:
        return Markdown(ABSENT)
    bars = any(r.get("bar") for r in rows(found, groups))  # seconds that a person would wait
    head = ["case", "against", "ours", *(["bar"] if bars else []), "ratio", "target", ""]
    lines = [_line(head), _line(["---", "---", *["--:"] * (len(head) - 3), "---"])]
    for r in rows(found, groups):
        peer, bar = f"{r['peer_title']} {r['peer_version'] or ''}", [_bar(r)] if bars else []
        low, ratio, high = (_factor(r[name]) for name in ("ratio_low", "ratio", "ratio_high"))
        times = [seconds(r["ours_seconds"]), *bar]
        lines.append(
            _line(
                [
                    *(r["title"], peer, *times, f"{ratio} ({low}–{high})"),
                    *(_target(r["target"]), SIGNS[r["holds"]]),
                ]
            )
        )
    return Markdown("\n".join(lines))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _bar(row: dict[str, Any]) -> str:
    bar = row.get("bar")
    return "" if bar is None else f"{seconds(bar)} {SIGNS[row['ours_seconds'] <= bar]}"


def _factor(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def _target(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.3g}"


def sent(found: dict[str, Any] | None) -> Markdown:
    """What the busiest rank sends in an allreduce, for each number of ranks that was counted."""
    if not found:
        return Markdown(ABSENT)
    lines = [_line(["ranks", "algorithm", "bytes of a byte", "messages", "rounds"])]
    lines.append(_line(["--:", "---", "--:", "--:", "--:"]))
    for ranks, algorithms in found["machine"]["sent"].items():
        for name, counts in algorithms.items():
            numbers = [f"{counts[key]:g}" for key in ("bytes", "messages", "rounds")]
            lines.append(_line([ranks, name, *numbers]))
    return Markdown("\n".join(lines))


def rates(found: dict[str, Any] | None, *groups: str) -> Markdown:
    """What each side moves in a second: a row for each case, a column for each peer.

    Ours is raced against several, and stands here with the median of its times.
    """
    if not found:
        return Markdown(ABSENT)
    chosen = rows(found, groups)
    peers = list(dict.fromkeys(r["peer_title"] for r in chosen))
    lines = [_line(["case", "ours, millions/s", "MB/s", *(f"{peer}, MB/s" for peer in peers)])]
    lines.append(_line(["---", *["--:"] * (2 + len(peers))]))
    for title, of in groupby(chosen, lambda r: r["title"]):
        lines.append(_line([title, *_rates(list(of), peers)]))
    return Markdown("\n".join(lines))


def _rates(of: list[dict[str, Any]], peers: list[str]) -> Iterator[str]:
    *counts, megabytes = of[0]["moves"].values()
    ours = median(r["ours_seconds"] for r in of)
    yield _whole(counts[0] / ours / 1e6)
    yield _whole(megabytes / ours)
    times = {r["peer_title"]: r["peer_seconds"] for r in of}
    yield from (_whole(megabytes / times[peer]) if peer in times else "" for peer in peers)


def _whole(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def conditions(found: dict[str, Any] | None) -> Markdown:
    """Where, when and against what the race was run, and what is missing in it."""
    return Markdown("\n".join(_conditions(found)) if found else ABSENT)


def _conditions(found: dict[str, Any]) -> Iterator[str]:
    m = found["machine"]
    yield (
        f"Run on {m['date'][:10]} with `{found['command']}` on {m['cpu']} ({m['cores']} cores, "
        f"{m['memory_gib']:.0f} GiB), {m['system']}, Python {m['python']}, NumPy {m['numpy']} "
        f"with {m['blas']}, PyTorch {m['torch'] or 'absent'}; one thread each. The load average "
        f"was {m['load_before'][0]:.1f} before and {m['load_after'][0]:.1f} after.\n"
    )
    if "tier" in m:
        yield f"The walls round a submission were those of tier {m['tier']}.\n"
    spreads = sorted({row["spread"] for row in found["rows"]})
    yield f"In brackets and as bars: {', '.join(spreads)}.\n" if spreads else ""
    for peer in found["peers"]:
        if not peer["present"]:
            yield f"- {peer['title']} was absent: {peer['note']}."
    for gap in found["skipped"]:
        yield f"- {gap['case']} against {gap['peer']} was not run: {gap['why']}."


def seconds(value: float) -> str:
    """A time with its unit.

    >>> seconds(2.1e-06), seconds(0.0042), seconds(1.5)
    ('2.1 µs', '4.2 ms', '1.5 s')
    """
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value * 1e9:.3g} ns"
