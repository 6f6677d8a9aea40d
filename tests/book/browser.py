"""A headless Chromium that opens the built book from a server on this machine."""

from __future__ import annotations

import functools
import html
import http.server
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

ROOT = Path(__file__).resolve().parents[2]
HTML = Path(os.environ.get("BOOK_HTML", ROOT / "_build" / "html"))
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
SCRIPT = (Path(__file__).parent / "measure_pages.js").read_text(encoding="utf-8")
HARNESS = f"<!doctype html><title>pages</title><pre id='result'></pre><script>{SCRIPT}</script>"
# Quiet: no update checks, no sync. No name but 127.0.0.1 can be resolved.
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage",
    "--disable-features=Translate,OptimizationHints,AutofillServerCommunication",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--window-size=1500,1000",
    "--virtual-time-budget=120000",
)  # fmt: skip
# Where the network log says for which page something is fetched.
KEYS = ("network_isolation_key", "network_anonymization_key")


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the built book, and the page that measures it."""

    def do_GET(self) -> None:
        if urlsplit(self.path).path != "/measure.html":
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(HARNESS.encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a server on loopback for the time of the block."""
    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def measure(
    pages: Sequence[str], widths: Sequence[int], *, contrast: bool, folder: Path = HTML
) -> tuple[list[dict[str, Any]], list[str]]:
    """What the script found on each page, and the addresses that Chromium asked for."""
    question = json.dumps({"pages": list(pages), "widths": list(widths), "contrast": contrast})
    with served(folder) as address, tempfile.TemporaryDirectory() as profile:
        log = Path(profile) / "net.json"
        command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}/user", f"--log-net-log={log}",
                   "--dump-dom", f"{address}/measure.html?{quote(question)}"]  # fmt: skip
        run = subprocess.run(command, capture_output=True, text=True, timeout=55, check=False)
        asked = requested(log.read_text(encoding="utf-8"))
    found = re.search(r"<pre id=['\"]result['\"]>(.*?)</pre>", run.stdout, re.S)
    if not found or not found[1]:
        raise AssertionError(f"Chromium measured nothing:\n{run.stderr[-2000:]}")
    return json.loads(html.unescape(found[1])), [
        url.removeprefix(address) for url in asked if url != address
    ]


def requested(net_log: str) -> list[str]:
    """Every address or name that a page from this machine asked for.

    The browser's own errands (time, sign-in, updates) stand in the log too; they belong to no page.
    """
    asked = set()
    for line in net_log.splitlines():
        try:
            params = json.loads(line.rstrip(",")).get("params", {})
        except (ValueError, AttributeError):  # the frame of the file, one line above and below
            continue
        owner = [params.get(key, "") for key in ("initiator", *KEYS)]
        if any("127.0.0.1" in str(value) for value in owner):
            asked |= {params[key] for key in ("url", "host") if key in params}
    own = ("data:", "blob:", "about:")
    return sorted(
        url for url in asked if url and "~notfound" not in url and not url.startswith(own)
    )
