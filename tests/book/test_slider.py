"""The slider: frames that say what they show, and a script that shows the one that is chosen."""

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
import figures
import pytest
import slider
from extension import steppers

STATIC = Path(slider.__file__).parent / "_static"


def frames() -> list[slider.Frame]:
    found = []
    for rate in (100, 2_000, 30_000):
        fig, ax = figures.axes()
        ax.plot([0, rate], [0, 1], color=figures.PALETTE[0])
        facts = {"rate": f"{rate:,}", "mean-wait": f"<{rate}"}
        found.append(slider.Frame(fig, f"A line to {rate}", facts))
    return found


def tree(start: int = 0) -> ElementTree.Element:
    return ElementTree.fromstring(
        slider.Slider(frames(), start)._repr_html_().replace("xlink:", "")
    )


def test_each_frame_says_what_it_shows() -> None:
    shown = tree().findall("figure")
    assert [figure.get("data-mean-wait") for figure in shown] == ["<100", "<2000", "<30000"]
    captions = [figure.findtext("figcaption") for figure in shown]
    assert captions[1] == "rate: 2,000, mean-wait: <2000"
    drawings = [figure[0] for figure in shown]
    assert [each.get("aria-label") for each in drawings] == [f.alt for f in frames()]
    assert {each.get("role") for each in drawings} == {"img"}


def test_no_two_drawings_share_an_id_and_ink_is_the_pages() -> None:
    text = slider.Slider(frames())._repr_html_()
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids)) > 0
    assert "var(--figure-ink" in text


@pytest.mark.parametrize("start", [0, 2])
def test_one_frame_is_shown_at_first(start: int) -> None:
    shown = ["slider-shown" in (each.get("class") or "") for each in tree(start)]
    assert shown == [at == start for at in range(3)]


@pytest.mark.parametrize("start", [-1, 3])
def test_a_start_that_is_no_frame_is_refused(start: int) -> None:
    with pytest.raises(ValueError, match="from 0 to 2"):
        slider.Slider(frames(), start)


class Page:
    """What a page has asked its application for."""

    def __init__(self) -> None:
        self.files: list[str] = []

    def add_css_file(self, name: str) -> None:
        self.files.append(name)

    def add_js_file(self, name: str, **_: str) -> None:
        self.files.append(name)


def test_only_pages_with_a_slider_load_its_files() -> None:
    without, within = Page(), Page()
    steppers.load(without, "p", "", {"body": "<p>slider</p>"}, None)  # type: ignore[arg-type]
    body = {"body": slider.Slider(frames())._repr_html_()}
    steppers.load(within, "p", "", body, None)  # type: ignore[arg-type]
    assert (without.files, within.files) == ([], ["slider.css", "slider.js"])


WORDS = """<div class="slider-words"><p><span class="label">Requests a second</span>
<span class="said">At {rate} they wait {mean-wait} ms, {unknown}.</span></p></div>"""
WATCH = """<script>var errors = [];
addEventListener("error", (event) => errors.push(event.message));
console.error = (...words) => errors.push(words.join(" "));</script>"""
ACT = """<pre id="result"></pre><script>
const input = () => document.querySelector(".slider input");
const seen = () => ({
  shown: [...document.querySelectorAll(".slider figure")]
    .map((f, at) => f.checkVisibility() ? at : -1).filter((at) => at >= 0),
  caption: document.querySelector(".slider-shown figcaption").checkVisibility(),
  said: document.querySelector(".slider-said")?.textContent,
  spoken: input()?.getAttribute("aria-valuetext"),
});
const moved = (value) => {
  input().value = value;
  input().dispatchEvent(new Event("input"));
  return seen();
};
addEventListener("load", () => {
  const story = { begin: seen(), words: document.querySelector(".slider-words").checkVisibility() };
  if (input()) {
    story.type = input().type;
    story.label = document.querySelector(`label[for="${input().id}"]`).textContent;
    story.range = [input().min || "0", input().value, input().max];
    story.last = moved(2);
    story.beyond = moved(9);
    story.first = moved(0);
    for (const rule of document.styleSheets[0].cssRules) {
      if (rule.media?.mediaText === "print") rule.media.mediaText = "all";
    }
    story.paper = { shown: seen().shown, bar: input().checkVisibility() };
  }
  story.errors = errors;
  document.getElementById("result").textContent = JSON.stringify(story);
});
</script>"""


def opened(tmp_path: Path, script: bool = True) -> dict[str, Any]:
    """A page with a slider of three frames in Chromium: what it shows as the input moves."""
    for name in ("slider.css", "slider.js"):
        (tmp_path / name).write_text((STATIC / name).read_text("utf-8"), "utf-8")
    load = '<script defer src="slider.js"></script>' if script else ""
    body = f'<div class="cell">{slider.Slider(frames(), start=1)._repr_html_()}</div>{WORDS}'
    page = (
        '<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="slider.css">'
        f"{WATCH}{load}"
        f'<body class="bd-article">{body}{ACT}'
    )
    (tmp_path / "page.html").write_text(page, "utf-8")
    with browser.served(tmp_path) as address, tempfile.TemporaryDirectory() as profile:
        command = [str(browser.CHROMIUM), *browser.FLAGS, f"--user-data-dir={profile}",
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
def test_the_frame_that_is_chosen_is_shown_and_said(tmp_path: Path) -> None:
    story = opened(tmp_path)
    assert (story["type"], story["label"]) == ("range", "Requests a second")
    assert story["range"] == ["0", "1", "2"]
    at = {name: story[name]["shown"] for name in ("begin", "last", "beyond", "first")}
    assert at == {"begin": [1], "last": [2], "beyond": [2], "first": [0]}
    assert story["begin"]["said"] == "At 2,000 they wait <2000 ms, {unknown}."
    assert story["last"]["spoken"] == story["last"]["said"]
    assert not story["begin"]["caption"] and not story["words"]
    assert story["paper"] == {"shown": [0], "bar": False}


@chromium
@pytest.mark.multiprocess
def test_without_the_script_one_frame_is_shown_with_its_facts(tmp_path: Path) -> None:
    story = opened(tmp_path, script=False)
    assert story["begin"]["shown"] == [1] and story["begin"]["caption"] and not story["words"]
