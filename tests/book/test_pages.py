"""The built book in a browser: it asks no other host for anything, fits a phone, and can be read.

Needs Chromium and a built book (``make book``, or BOOK_HTML=path/to/html); skipped without.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import browser
import pytest

pytestmark = [
    pytest.mark.skipif(browser.CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.skipif(
        not (browser.HTML / "index.html").exists(),
        reason=f"no built book in {browser.HTML}: run `make book`",
    ),
    pytest.mark.multiprocess,
]
PHONE, DESK = 390, 1400
Opened = tuple[list[dict[str, Any]], list[str]]


def pages() -> list[str]:
    """The book's own pages, the search page, and one page of source code."""
    root = browser.HTML
    own = [*root.glob("book/**/*.html"), *root.glob("labs/**/*.html")]
    return [
        *(f"/{path.relative_to(root).as_posix()}" for path in sorted(own)),
        "/search.html?q=percentile",
        *(f"/{path.relative_to(root)}" for path in sorted(root.glob("_modules/**/*.html"))[:1]),
    ]


@pytest.fixture(scope="module")
def opened() -> Opened:
    """All pages at both widths, measured in one run of the browser; and what they asked for."""
    return browser.measure(pages(), [PHONE, DESK], contrast=True)


def test_no_page_asks_another_host_for_anything(opened: Opened) -> None:
    _, asked = opened
    assert "/book/welcome.html" in asked, "the network log was not understood"
    assert not [url for url in asked if not url.startswith("/")]


LEAKS = {
    "picture.example": "<img src='https://picture.example/a.png'>",
    "script.example": "<script src='https://script.example/a.js'></script>",
    "style.example": "<link rel='stylesheet' href='https://style.example/a.css'>",
    "font.example": "<style>@font-face { font-family: F; src: url(https://font.example/f.woff2) }"
    "</style><p style='font-family: F'>text</p>",
    "fetch.example": "<script>fetch('https://fetch.example/')</script>",
    "socket.example": "<script>new WebSocket('wss://socket.example/')</script>",
}


def test_the_network_log_would_show_a_foreign_request(tmp_path: Path) -> None:
    (tmp_path / "leak.html").write_text("<!doctype html>" + "".join(LEAKS.values()), "utf-8")
    _, asked = browser.measure(["/leak.html"], [DESK], contrast=False, folder=tmp_path)
    unseen = [host for host in LEAKS if not any(host in url for url in asked)]
    assert not unseen


def test_no_page_is_wider_than_its_window_and_no_text_is_tiny(opened: Opened) -> None:
    found, _ = opened
    bad = [(f["page"], f["width"], f["wide"], f["tiny"][:5]) for f in found
           if f["wide"] or f["tiny"]]  # fmt: skip
    assert not bad


def test_every_listing_has_a_copy_button_and_a_link_to_its_source(opened: Opened) -> None:
    found, _ = opened
    assert sum(page["listings"] for page in found) > 0
    assert [page["usable"] for page in found] == [page["listings"] for page in found]


def test_text_has_contrast_aa_on_light_and_dark_pages(opened: Opened) -> None:
    found, _ = opened
    bad = {f["page"]: sorted(set(f["faint"]))[:8] for f in found if f["faint"]}
    assert not bad


def test_the_measure_finds_faint_tiny_and_wide_text(tmp_path: Path) -> None:
    bad = (
        "<!doctype html><body style='background: #fff'><p style='color: #999'>faint</p>"
        "<p style='font-size: 8px'>tiny</p><p style='width: 3000px; background: #eee'>wide</p>"
    )
    (tmp_path / "bad.html").write_text(bad, encoding="utf-8")
    [found], _ = browser.measure(["/bad.html"], [PHONE], contrast=True, folder=tmp_path)
    assert len(found["faint"]) == 2, "once on the light page, once on the dark one"
    assert len(found["tiny"]) == 1
    assert "wide" in found["wide"][0]
