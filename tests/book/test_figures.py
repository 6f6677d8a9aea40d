"""Drawings: one style, no pyplot state, and a page that can recolour them."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

import figures
import numpy as np
import pytest
from extension.drawings import themed, unique_ids
from matplotlib.figure import Figure

from mlsys.foundations.measurement.trace import Trace

HOUSE = {"data": (0, 0), "model": (1, 0), "serve": (2, 0.5)}


def svg(fig: Figure) -> str:
    out = io.StringIO()
    fig.savefig(out, format="svg")
    return out.getvalue()


def plotted() -> Figure:
    fig, ax = figures.axes()
    ax.plot([1, 2, 3], [2, 1, 4], label="ours")
    figures.label(ax, title="Time", x="size", y="seconds")
    return fig


def test_one_panel_is_one_axes_and_more_are_an_array() -> None:
    assert not isinstance(figures.axes()[1], np.ndarray)
    assert figures.axes(ncols=2)[1].shape == (2,)
    assert figures.axes(nrows=2, ncols=3)[1].shape == (2, 3)


def test_a_legend_appears_when_a_line_has_a_name() -> None:
    assert plotted().axes[0].get_legend() is not None
    fig, ax = figures.axes()
    ax.plot([1, 2])
    figures.label(ax)
    assert fig.axes[0].get_legend() is None


def test_a_timeline_has_a_bar_for_each_span_in_the_row_of_its_lane() -> None:
    trace = Trace()
    trace.add("work", "rank 0", 1.0, 3.0)
    trace.add("wait", "rank 1", 0.0, 0.5)
    fig, ax = figures.timeline(trace, ["rank 1", "rank 0"], colors={"work": "red"}, scale=1000)
    bars = [(bar.get_x(), bar.get_width(), round(bar.get_y() + 0.39)) for bar in ax.patches]
    assert bars == [(0.0, 500.0, 0), (1000.0, 2000.0, 1)]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["rank 1", "rank 0"]
    assert len(fig.axes) == 1


def test_a_drawing_has_no_paper_of_its_own() -> None:
    assert plotted().get_facecolor()[3] == 0


@pytest.mark.parametrize("fig", [plotted(), figures.boxes_and_arrows(HOUSE, [("data", "model")])])
def test_text_and_axes_follow_the_page_and_lines_keep_their_colour(fig: Figure) -> None:
    drawn = svg(fig)
    page = themed(drawn, "a line")
    assert f"var(--figure-ink, {figures.INK})" in page
    assert not re.search(rf": {figures.INK}", page, re.I), "some ink stays as it was"
    assert page.count(figures.PALETTE[0]) == drawn.count(figures.PALETTE[0])


def test_a_drawing_in_the_page_is_one_described_element() -> None:
    page = themed(svg(plotted()), 'a "quoted" <line>')
    element = ElementTree.fromstring(page.replace("xlink:href", "href"))
    assert element.get("role") == "img"
    assert element.get("aria-label") == 'a "quoted" <line>'


def test_two_drawings_on_a_page_share_no_id_and_still_find_their_parts() -> None:
    def ids(text: str) -> set[str]:
        return set(re.findall(r'\bid="([^"]+)"', text))

    one, two = (unique_ids(svg(plotted()), prefix) for prefix in ("a", "b"))
    assert not ids(one) & ids(two)
    used = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', one)
    assert used
    assert {a or b for a, b in used} <= ids(one)


def test_boxes_stay_within_the_picture_and_arrows_between_their_borders() -> None:
    fig = figures.boxes_and_arrows(HOUSE, [("data", "model"), ("model", "serve", "push")])
    fig.canvas.draw()
    [ax] = fig.axes
    frame = ax.get_window_extent()
    for patch in ax.patches:
        box = patch.get_window_extent()
        assert frame.x0 <= box.x0 <= box.x1 <= frame.x1
        assert frame.y0 - 1 <= box.y0 <= box.y1 <= frame.y1 + 1
    assert {t.get_text() for t in ax.texts} == {*HOUSE, "push"}


def test_the_same_figure_is_the_same_file() -> None:
    def without_date(text: str) -> str:
        return re.sub(r"<dc:date>.*?</dc:date>", "", text)

    assert without_date(svg(plotted())) == without_date(svg(plotted()))
