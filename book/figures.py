"""Every drawing of the book, in one style that reads on light and on dark pages.

A cell draws and ends with the figure; its caption and its alternative text stand in the cell's
header::

    ```{code-cell} python
    ---
    mystnb:
      figure: {name: fig-roofline, caption: "The roofline of this machine."}
      image: {alt: "Speed against intensity: a slope, then a flat roof."}
    ---
    import figures
    fig, ax = figures.axes()
    ax.plot(x, y, color=figures.PALETTE[0])
    figures.label(ax, x="intensity (FLOP/byte)", y="speed (GFLOP/s)")
    fig
    ```

Sentences belong in captions, which can be translated; labels in drawings stay short.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from mlsys.foundations.measurement.trace import Trace

# The page replaces these four by its own light or dark colours.
INK, MUTED, GRID, PAPER = "#1f2430", "#5b6271", "#d5d9e0", "#fefefd"
# Contrast of at least 3:1 on the light and on the dark page: blue, orange, green, purple, red,
# grey. They differ in lightness and hue; give lines different markers or dashes as well.
PALETTE = ["#2f7fc1", "#c2641a", "#3a8f5c", "#9a66c4", "#cf4a5d", "#7a808c"]
MARKERS = ["o", "s", "^", "D", "v", "P"]
WIDTH = 4.5  # inches: a phone shows a drawing at 4/5 of this, a desk at 5/4

STYLE: dict[str, Any] = {
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.edgecolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": mpl.cycler(color=PALETTE, marker=MARKERS),
    "font.size": 10.0,
    "axes.titlesize": 10.5,
    "axes.labelsize": 10.0,
    "legend.fontsize": 9.5,
    "lines.linewidth": 2.0,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "axes.titlelocation": "left",
    "figure.constrained_layout.use": True,
}
# These two are read when a figure is written, by whoever writes it.
mpl.rcParams.update({"svg.fonttype": "path", "svg.hashsalt": "book"})


def axes(
    *, ncols: int = 1, nrows: int = 1, height: float | None = None, **subplots: Any
) -> tuple[Figure, Any]:
    """A figure and its axes, in the book's style.

    Returns one ``Axes`` for a single panel, else an array of them (1-D for one row or column).
    ``height`` in inches; the default suits the number of rows.
    """
    _draw_as_svg()
    with mpl.rc_context(STYLE):
        fig = Figure(figsize=(WIDTH, height or (2.7 if nrows == 1 else 2.2 * nrows)))
        return fig, fig.subplots(nrows, ncols, **subplots)


def label(ax: Axes, *, title: str = "", x: str = "", y: str = "") -> None:
    """Title and axis labels (with units), and a legend when lines are named."""
    with mpl.rc_context(STYLE):
        ax.set_title(title)
        ax.set_xlabel(x)
        ax.set_ylabel(y)
        if ax.get_legend_handles_labels()[1]:
            ax.legend()


def timeline(
    trace: Trace,
    lanes: Sequence[str] | None = None,
    *,
    colors: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    scale: float = 1.0,
    height: float | None = None,
) -> tuple[Figure, Axes]:
    """The spans of a trace as bars, one row a lane, the first on top.

    A span is coloured by its name, ``colors[name]``, or else by its lane. ``labels`` names lanes.
    Seconds are multiplied by ``scale``.
    """
    rows = list(lanes or trace.lanes)
    fig, ax = axes(height=height or 0.24 * len(rows) + 0.8)
    for row, lane in enumerate(rows):
        for span in (span for span in trace.spans if span.lane == lane):
            color = (colors or {}).get(span.name, PALETTE[row % len(PALETTE)])
            ax.barh(row, scale * span.seconds, 0.78, scale * span.start, color=color)
    ax.set_yticks(range(len(rows)), [(labels or {}).get(lane, lane) for lane in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.grid(visible=False, axis="y")
    return fig, ax


def boxes_and_arrows(
    nodes: Mapping[str, tuple[float, float]],
    edges: Iterable[Sequence[str]] = (),
    *,
    labels: Mapping[str, str] | None = None,
    colors: Mapping[str, str] | None = None,
    height: float | None = None,
) -> Figure:
    """A diagram: boxes at grid positions ``(column, row)``, row 0 on top, arrows between them.

    An edge is ``(from, to)`` or ``(from, to, text)``. A box shows its name, or ``labels[name]``.
    """
    fig, ax = axes(height=height or _diagram_height(nodes))
    ax.set_axis_off()
    shown = {name: (labels or {}).get(name, name) for name in nodes}
    halves = {name: (_half_width(text), 0.28) for name, text in shown.items()}
    place = {name: (column * 2.4, -row * 1.15) for name, (column, row) in nodes.items()}
    for name, text in shown.items():
        _box(ax, place[name], halves[name], text, (colors or {}).get(name, MUTED))
    for start, stop, *text in edges:
        _arrow(ax, place, halves, start, stop, text[0] if text else "")
    xs, ys = np.array(list(place.values())).T
    wide = max(half for half, _ in halves.values())
    ax.set_xlim(xs.min() - wide - 0.1, xs.max() + wide + 0.1)
    ax.set_ylim(ys.min() - 0.45, ys.max() + 0.45)
    return fig


def _draw_as_svg() -> None:
    """In a notebook, show figures as SVG once and only when a cell returns them."""
    try:
        from IPython import get_ipython
        from IPython.core.pylabtools import select_figure_formats
    except ImportError:
        return
    if shell := get_ipython():
        select_figure_formats(shell, {"svg"}, bbox_inches=None)


def _diagram_height(nodes: Mapping[str, tuple[float, float]]) -> float:
    rows = [row for _, row in nodes.values()]
    return 0.75 * (max(rows) - min(rows)) + 0.9


def _half_width(text: str) -> float:
    return max(0.45, 0.085 * max(len(line) for line in text.split("\n")) + 0.12)


def _box(
    ax: Axes, centre: tuple[float, float], half: tuple[float, float], text: str, color: str
) -> None:
    (x, y), (w, h) = centre, half
    style = "round,pad=0,rounding_size=0.08"
    ax.add_patch(
        FancyBboxPatch(
            (x - w, y - h),
            2 * w,
            2 * h,
            boxstyle=style,
            mutation_aspect=1.0,
            facecolor="none",
            edgecolor=color,
            linewidth=1.6,
        )
    )
    ax.text(x, y, text, ha="center", va="center", color=INK, fontsize=9.5, linespacing=1.1)


def _arrow(
    ax: Axes,
    place: Mapping[str, tuple[float, float]],
    halves: Mapping[str, tuple[float, float]],
    start: str,
    stop: str,
    text: str,
) -> None:
    tail = _border(place[start], halves[start], place[stop])
    head = _border(place[stop], halves[stop], place[start])
    ax.add_patch(
        FancyArrowPatch(
            tail,
            head,
            arrowstyle="-|>",
            mutation_scale=11,
            color=MUTED,
            linewidth=1.3,
            shrinkA=1,
            shrinkB=1,
        )
    )
    middle = ((tail[0] + head[0]) / 2, (tail[1] + head[1]) / 2)
    if text:
        ax.text(
            *middle,
            text,
            ha="center",
            va="center",
            color=INK,
            fontsize=9.0,
            bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1.5},
        )


def _border(
    centre: tuple[float, float], half: tuple[float, float], toward: tuple[float, float]
) -> tuple[float, float]:
    """Where the line from a box's centre to ``toward`` leaves the box."""
    dx, dy = toward[0] - centre[0], toward[1] - centre[1]
    scale = min(half[0] / abs(dx) if dx else math.inf, half[1] / abs(dy) if dy else math.inf)
    return centre[0] + dx * scale, centre[1] + dy * scale
