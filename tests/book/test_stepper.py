"""The stepper: frames of real runs, tables that say the same, and a script that walks through."""

from __future__ import annotations

import html
import json
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import browser
import pytest
import stepper
from extension import steppers
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.allreduce import ring_allreduce, ring_cost
from mlsys.distributed.cluster import flat

ALPHA, BETA = 5e-6, 1e-10


def frames(ranks: int, each: int = 2) -> list[stepper.Frame]:
    return stepper.record(ring_allreduce, flat(ranks, ALPHA, BETA), each * ranks)


@given(ranks=st.integers(2, 7), each=st.integers(1, 3))
def test_each_frame_follows_from_the_one_before_by_its_messages(ranks: int, each: int) -> None:
    shown = frames(ranks, each)
    assert len(shown) == 1 + 2 * (ranks - 1)
    held = [[10**rank] * ranks for rank in range(ranks)]
    for frame in shown:
        before = [list(row) for row in held]
        for move in frame.moves:
            arrived = before[move.source][move.chunk]
            adds = frame.kind in ("reduce", "reduced")
            held[move.dest][move.chunk] = adds * held[move.dest][move.chunk] + arrived
        assert frame.values == held
    assert held == [[int("1" * ranks)] * ranks] * ranks


@given(ranks=st.integers(2, 7), each=st.integers(1, 3))
def test_the_last_frame_has_the_time_and_the_bytes_of_the_whole_run(ranks: int, each: int) -> None:
    last, nbytes = frames(ranks, each)[-1], 8 * ranks * each
    assert last.seconds == pytest.approx(ring_cost(ranks, nbytes, ALPHA, BETA))
    assert last.sent * ranks == 2 * (ranks - 1) * nbytes


def test_the_last_frame_of_each_phase_has_a_kind_of_its_own() -> None:
    kinds = [frame.kind for frame in frames(3)]
    assert kinds == ["start", "reduce", "reduced", "gather", "gathered"]


@given(ranks=st.integers(2, 5))
def test_tables_are_well_formed_and_show_every_number(ranks: int) -> None:
    shown = frames(ranks)
    tree = ElementTree.fromstring(stepper.Stepper(shown, "<r>", "c")._repr_html_())
    tables = tree.findall(".//table")
    assert len(tables) == len(shown)
    for table, frame in zip(tables, shown, strict=True):
        cells = {cell.get("data-cell"): cell for cell in table.iter("td") if cell.get("data-cell")}
        for rank, chunk in ((r, c) for r in range(ranks) for c in range(ranks)):
            assert int(cells[f"{rank},{chunk}"].text or "") == frame.values[rank][chunk]
        sent = [name for name, cell in cells.items() if "sent" in cell.get("class", "").split()]
        assert sorted(sent) == sorted(f"{move.source},{move.chunk}" for move in frame.moves)
        assert table.find("thead/tr/th/span").text == "<r>"  # type: ignore[union-attr]


class Page:
    """What a page has asked its application for."""

    def __init__(self) -> None:
        self.files: list[str] = []

    def add_css_file(self, name: str) -> None:
        self.files.append(name)

    def add_js_file(self, name: str, **_: str) -> None:
        self.files.append(name)


def test_only_pages_with_a_stepper_load_its_files() -> None:
    without, within = Page(), Page()
    steppers.load(without, "p", "", {"body": "<p>text</p>"}, None)  # type: ignore[arg-type]
    body = {"body": stepper.Stepper(frames(2))._repr_html_()}
    steppers.load(within, "p", "", body, None)  # type: ignore[arg-type]
    assert (without.files, within.files) == ([], ["stepper.css", "stepper.js"])


STATIC = Path(stepper.__file__).parent / "_static"
WORDS = """<div class="stepper-words"><p><span class="label">Ring</span>
<span class="back">Back</span> <span class="forward">Forward</span> <span class="again">Again</span>
<span class="start">Nothing yet</span> <span class="move">{source} to {dest}: {chunk}</span>
<span class="reduce">Step {step} of {steps}: {moves}. {time}</span>
<span class="reduced">summed</span> <span class="gather">Copied: {moves}</span>
<span class="gathered">all {sent}</span></p></div>"""
WATCH = """<script>var errors = [];
addEventListener("error", (event) => errors.push(event.message));
console.error = (...words) => errors.push(words.join(" "));</script>"""
ACT = """<pre id="result"></pre><script>
const live = document.querySelector(".stepper");
const key = (name, more) => live.dispatchEvent(
  new KeyboardEvent("keydown", { key: name, cancelable: true, ...more }));
const seen = (taken) => ({
  taken: taken ?? null,
  shown: [...live.querySelectorAll("table")].map((t, at) => t.checkVisibility() ? at : -1)
    .filter((at) => at >= 0),
  said: live.querySelector("[aria-live]")?.textContent,
  flights: document.getAnimations().length,
  off: [...live.querySelectorAll("button")].map((b) => b.getAttribute("aria-disabled") === "true"),
});
const walk = () => {
  const button = (name) => live.querySelector(`.stepper-${name}`);
  const story = { begin: seen() };
  story.left_at_start = seen(!key("ArrowLeft"));
  story.right = seen(!key("ArrowRight"));
  story.right_again = seen(!key("ArrowRight"));
  story.left = seen(!key("ArrowLeft"));
  story.with_alt = seen(!key("ArrowRight", { altKey: true }));
  story.other_key = seen(!key("a"));
  story.end = seen(!key("End"));
  story.right_at_end = seen(!key("ArrowRight"));
  button("back").click();
  story.back = seen();
  button("forward").click();
  story.forward = seen();
  button("again").click();
  story.again = seen();
  story.home = seen(!key("Home"));
  for (const rule of document.styleSheets[0].cssRules) {
    if (rule.media?.mediaText === "print") rule.media.mediaText = "all";
  }
  story.paper = { shown: seen().shown, bar: button("back").checkVisibility() };
  story.about = { focus: live.tabIndex, role: live.getAttribute("role"),
                  label: live.getAttribute("aria-label"),
                  live: live.querySelector("[aria-live]").getAttribute("aria-live"),
                  names: [...live.querySelectorAll("button")].map((b) => b.textContent) };
  return story;
};
addEventListener("load", () => {
  const story = live.matches(".stepper-live") ? walk() : { begin: seen() };
  story.errors = errors;
  document.getElementById("result").textContent = JSON.stringify(story);
});
</script>"""


def opened(tmp_path: Path, *flags: str, script: bool = True) -> dict[str, Any]:
    """A page with a stepper of three ranks in Chromium: what it shows after each key and click."""
    for name in ("stepper.css", "stepper.js"):
        (tmp_path / name).write_text((STATIC / name).read_text("utf-8"), "utf-8")
    load = '<script defer src="stepper.js"></script>' if script else ""
    body = f'<div class="cell">{stepper.Stepper(frames(3))._repr_html_()}</div>{WORDS}'
    page = (
        '<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="stepper.css">'
        f"{WATCH}{load}"
        f'<body class="bd-article">{body}{ACT}'
    )
    (tmp_path / "page.html").write_text(page, "utf-8")
    with browser.served(tmp_path) as address, tempfile.TemporaryDirectory() as profile:
        command = [str(browser.CHROMIUM), *browser.FLAGS, *flags, f"--user-data-dir={profile}",
                   "--dump-dom", f"{address}/page.html"]  # fmt: skip
        run = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    found = re.search(r"<pre id=\"result\">(.*?)</pre>", run.stdout, re.S)
    assert found and found[1], run.stderr[-2000:]
    story: dict[str, Any] = json.loads(html.unescape(found[1]))
    assert story.pop("errors") == []
    return story


chromium = pytest.mark.skipif(browser.CHROMIUM is None, reason="no Chromium on this machine")


@chromium
@pytest.mark.multiprocess
def test_keys_and_buttons_walk_through_and_the_page_says_what_happens(tmp_path: Path) -> None:
    story = opened(tmp_path)
    about, paper = story.pop("about"), story.pop("paper")
    at = {name: seen["shown"] for name, seen in story.items()}
    assert at == {
        "begin": [0], "left_at_start": [0], "right": [1], "right_again": [2], "left": [1],
        "with_alt": [1], "other_key": [1], "end": [4], "right_at_end": [4], "back": [3],
        "forward": [4], "again": [0], "home": [0],
    }  # fmt: skip
    assert story["begin"]["said"] == "Nothing yet"
    assert story["right"]["said"] == "Step 1 of 4: 0 to 1: 2, 1 to 2: 0, 2 to 0: 1. 5.0 µs"
    assert story["end"]["said"] == "all 64"
    assert story["right"]["taken"] and not story["with_alt"]["taken"]
    assert not story["other_key"]["taken"], "a key that means nothing here is left to the page"
    assert story["begin"]["off"] == [True, True, False]
    assert story["end"]["off"] == [False, False, True]
    assert about == {"focus": 0, "role": "group", "label": "Ring", "live": "polite",
                     "names": ["Again", "Back", "Forward"]}  # fmt: skip
    assert story["right"]["flights"] == 3, "each message flies"
    assert story["left"]["flights"] == 0, "but not backwards"
    assert paper == {"shown": [0, 1, 2, 3, 4], "bar": False}, "paper has no buttons"


@chromium
@pytest.mark.multiprocess
def test_nothing_moves_for_those_who_want_no_motion(tmp_path: Path) -> None:
    story = opened(tmp_path, "--force-prefers-reduced-motion")
    assert story["right"]["shown"] == [1]
    assert [seen["flights"] for seen in story.values() if "flights" in seen] == [0] * 13


@chromium
@pytest.mark.multiprocess
def test_without_the_script_all_steps_are_shown(tmp_path: Path) -> None:
    assert opened(tmp_path, script=False)["begin"]["shown"] == [0, 1, 2, 3, 4]
