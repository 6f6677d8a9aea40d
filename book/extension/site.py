"""Make the folder that is published, and check every link in it.

    python book/extension/site.py [--html _build/html] [--out _build/site] [--base /]

The folder works at any address, also below a sub-path: its links are relative. Standard library
only. Exit status 1 lists what is broken, 2 says that there is no built book.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a browser fetches by itself when it opens a page, by tag and attribute.
LOADED = {
    ("script", "src"),
    ("img", "src"),
    ("iframe", "src"),
    ("source", "src"),
    ("video", "src"),
    ("audio", "src"),
    ("embed", "src"),
    ("object", "data"),
    ("input", "src"),
    ("image", "href"),
    ("use", "href"),
    ("use", "xlink:href"),
}
LOADED_RELATIONS = {
    "stylesheet",
    "icon",
    "preload",
    "modulepreload",
    "prefetch",
    "preconnect",
    "dns-prefetch",
    "manifest",
    "apple-touch-icon",
}
STYLE_URL = re.compile(r"""url\(\s*["']?([^"')]+)["']?\s*\)|@import\s+["']([^"']+)["']""")

NOT_FOUND = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Page not found · Machine Learning Systems</title>
<style>
:root { color-scheme: light dark; --paper: #fefefd; --ink: #1f2430; --link: #1d5fa8; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14171c; --ink: #dfe3ea; --link: #8ab8f0; } }
body { font: 1.05rem/1.6 system-ui, sans-serif; max-width: 34rem; margin: 18vh auto;
  padding: 0 1rem; background: var(--paper); color: var(--ink); }
a { color: var(--link); }
</style>
</head>
<body>
<h1>There is no such page</h1>
<p>The address may be misspelt, or the page has moved to another chapter.</p>
<p id="ways">Go to <a href="{base}index.html">the first page</a> or
<a href="{base}search.html">search the book</a>.</p>
<script>
// The book may lie below any path: its root is the nearest folder above that holds its inventory.
(async () => {
  const parts = location.pathname.split("/").slice(0, -1);
  for (let n = parts.length; n > 0; n--) {
    const root = parts.slice(0, n).join("/") + "/";
    const found = await fetch(root + "objects.inv", { method: "HEAD" }).catch(() => null);
    if (found && found.ok) {
      const [first, search] = document.querySelectorAll("#ways a");
      first.href = root + "index.html";
      search.href = root + "search.html";
      return;
    }
  }
})();
</script>
</body>
</html>
"""


@dataclass
class Page(HTMLParser):
    """The anchors of one page, where its links lead and what it loads."""

    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag == "link" and set(values.get("rel", "").split()) & LOADED_RELATIONS:
            self.loads.append(values.get("href", ""))
        if tag == "meta" and values.get("http-equiv", "").lower() == "refresh":
            self.links.append(values.get("content", "").partition("url=")[2])
        self.loads += [value for name, value in values.items() if (tag, name) in LOADED]
        self.loads += style_urls(values.get("style", ""))


def style_urls(css: str) -> list[str]:
    """What a style sheet loads.

    >>> style_urls('@import "a.css"; p { background: url(b.png) }')
    ['a.css', 'b.png']
    """
    return [first or second for first, second in STYLE_URL.findall(css)]


def read_pages(site: Path) -> dict[Path, Page]:
    """Every HTML page below a folder, parsed."""
    pages = {}
    for path in sorted(site.rglob("*.html")):
        page = Page()
        page.feed(path.read_text(encoding="utf-8"))
        pages[path.resolve()] = page
    return pages


def broken_links(site: Path) -> list[str]:
    """Each link or resource of the site that leads nowhere, or away where it must not."""
    pages = read_pages(site)
    found = []
    for path, page in pages.items():
        if path.name == "404.html":  # it is shown at any address: see publishable
            continue
        name = path.relative_to(site.resolve()).as_posix()
        found += [f"{name}: {wrong}" for wrong in _wrong_links(path, page, pages)]
        found += [f"{name}: {wrong}" for wrong in _wrong_loads(path, page.loads)]
    for sheet in sorted(site.rglob("*.css")):
        urls = style_urls(sheet.read_text(encoding="utf-8", errors="replace"))
        name = sheet.relative_to(site).as_posix()
        found += [f"{name}: {wrong}" for wrong in _wrong_loads(sheet.resolve(), urls)]
    return found


def _wrong_links(path: Path, page: Page, pages: dict[Path, Page]) -> Iterator[str]:
    for link in dict.fromkeys(page.links):
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        if parts.path.startswith("/"):
            yield f"{link} is absolute and breaks below a sub-path"
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if target.is_dir():
            target = target / "index.html"
        anchor = unquote(parts.fragment)
        if not target.exists():
            yield f"{link} leads to no file"
        elif anchor and target in pages and anchor not in pages[target].anchors:
            yield f"{link}: the page has no anchor {anchor}"


def _wrong_loads(path: Path, urls: Sequence[str]) -> Iterator[str]:
    for url in dict.fromkeys(urls):
        parts = urlsplit(url)
        if parts.scheme == "data" or url.startswith("#"):
            continue
        if parts.scheme or parts.netloc:
            yield f"{url} is loaded from another host"
        elif parts.path.startswith("/"):
            yield f"{url} is absolute and breaks below a sub-path"
        elif parts.path and not (path.parent / unquote(parts.path)).exists():
            yield f"{url} is loaded but does not exist"


def publishable(html: Path, out: Path, base: str = "/") -> None:
    """Copy the built pages, and add what a static host needs.

    A host shows 404.html at any address, so its links start at ``base``; its script finds the
    root by itself where scripts run.
    """
    if out.exists():
        shutil.rmtree(out)
    shutil.copytree(html, out, ignore=shutil.ignore_patterns(".buildinfo", "*macros.html"))
    (out / "404.html").write_text(NOT_FOUND.replace("{base}", base), encoding="utf-8")
    # GitHub Pages would otherwise leave out folders whose names begin with an underscore.
    (out / ".nojekyll").touch()


def main(argv: Sequence[str] | None = None) -> int:
    """Build the site folder and check it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--html", type=Path, default=Path("_build/html"))
    parser.add_argument("--out", type=Path, default=Path("_build/site"))
    parser.add_argument("--base", default="/", help="where the host shows the site: /sub/path/")
    options = parser.parse_args(argv)
    if not (options.html / "index.html").exists():
        print(f"no built book in {options.html}: run `make book` first", file=sys.stderr)
        return 2
    publishable(options.html, options.out, options.base)
    broken = broken_links(options.out)
    for line in broken:
        print(line, file=sys.stderr)
    pages = len(list(options.out.rglob("*.html")))
    print(f"{options.out}: {pages} pages, {len(broken)} broken links")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
