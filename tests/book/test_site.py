"""The published folder: links that lead nowhere are found, and it can stand at any address."""

from __future__ import annotations

from pathlib import Path

import pytest
from extension.site import broken_links, main

SOUND = {
    "index.html": "<a href='a/b.html#here'>b</a> <a href='https://example.org'>out</a>",
    "a/b.html": "<p id='here'><a href='../index.html'>up</a><a href='#here'>same</a>"
    "<img src='../_static/p.png'><link rel='stylesheet' href='../_static/s.css'>",
    "_static/p.png": "",
    "_static/s.css": "body { background: url(p.png) }",
}


def site(root: Path, **pages: str) -> Path:
    files = {**SOUND, **{name.replace("__", "/") + ".html": text for name, text in pages.items()}}
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def test_a_sound_site_has_no_broken_link(tmp_path: Path) -> None:
    assert not broken_links(site(tmp_path))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<a href='missing.html'>", "leads to no file"),
        ("<a href='a/b.html#there'>", "has no anchor there"),
        ("<a href='/index.html'>", "breaks below a sub-path"),
        ("<img src='none.png'>", "does not exist"),
        ("<script src='https://cdn.example/x.js'></script>", "from another host"),
        ("<link rel='preconnect' href='https://fonts.example'>", "from another host"),
        ("<p style='background: url(//cdn.example/p.png)'>", "from another host"),
        ("<script src='/x.js'></script>", "breaks below a sub-path"),
        ("<meta http-equiv='refresh' content='0; url=gone.html'>", "leads to no file"),
    ],
)
def test_what_is_broken_is_named_with_its_page(tmp_path: Path, text: str, said: str) -> None:
    [line] = broken_links(site(tmp_path, bad=text))
    assert line.startswith("bad.html: ")
    assert said in line


def test_a_style_sheet_that_loads_from_another_host_is_found(tmp_path: Path) -> None:
    root = site(tmp_path)
    (root / "_static/s.css").write_text("@import 'https://fonts.example/f.css'", encoding="utf-8")
    [line] = broken_links(root)
    assert line.startswith("_static/s.css: ")


def test_the_folder_is_copied_whole_with_a_page_for_wrong_addresses(tmp_path: Path) -> None:
    html, out = site(tmp_path / "html"), tmp_path / "site"
    arguments = ["--html", str(html), "--out", str(out), "--base", "/book/"]
    assert main(arguments) == 0
    assert all((out / name).exists() for name in SOUND)
    assert (out / ".nojekyll").exists()
    assert 'href="/book/index.html"' in (out / "404.html").read_text(encoding="utf-8")
    (html / "a/b.html").unlink()
    assert main(arguments) == 1, "the old copy is replaced, and its broken link found"
    assert not (out / "a/b.html").exists()


def test_without_a_built_book_it_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--html", str(tmp_path), "--out", str(tmp_path / "site")]) == 2
    assert "make book" in capsys.readouterr().err
    assert not (tmp_path / "site").exists()
