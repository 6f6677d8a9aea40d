"""Show the book on this machine and build it again whenever a file it is made of changes.

``make serve`` runs this module. sphinx-autobuild brings the watcher, the server and the reload of
open pages; the build is the one of ``make book``, without stopping at warnings.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import uvicorn
from sphinx_autobuild.filter import IgnoreFilter
from sphinx_autobuild.middleware import JavascriptInjectorMiddleware
from sphinx_autobuild.server import RebuildServer
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, WebSocketRoute
from starlette.staticfiles import StaticFiles

ROOT = Path(__file__).resolve().parents[2]
WATCHED = ("_config.yml", "_toc.yml", "book", "mlsys", "labs", "benchmarks/results")
IGNORED = (r"/__pycache__/", r"/\.", r"~$", r"\.sw.$")


def build(root: Path, changed_paths: Sequence[Path] = ()) -> int:
    """Build the book once; whatever changed is named first. Returns the exit status."""
    for path in changed_paths:
        print(f"changed: {path}", flush=True)
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", str(root), "-q"]
    status = subprocess.run(command, cwd=root, check=False).returncode
    print("built" if status == 0 else f"not built (status {status}): the old pages are shown")
    return status


def application(root: Path, address: str) -> Starlette:
    """The pages under ``_build/html``, a watcher of their sources, and the reload of open pages."""
    paths = [root / name for name in WATCHED if (root / name).exists()]
    watcher = RebuildServer([*paths], IgnoreFilter([], IGNORED), partial(build, root))
    pages = StaticFiles(directory=root / "_build" / "html", html=True)
    return Starlette(
        routes=[WebSocketRoute("/websocket-reload", watcher), Mount("/", app=pages)],
        middleware=[Middleware(JavascriptInjectorMiddleware, ws_url=address)],
        lifespan=watcher.lifespan,
    )


def main() -> None:
    """Build, then serve on the loopback address until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, prog="make serve")
    parser.add_argument("--port", type=int, default=8000)
    port = parser.parse_args().port
    if build(ROOT) != 0 and not (ROOT / "_build" / "html" / "index.html").exists():
        sys.exit("the book could not be built: see above")
    address = f"127.0.0.1:{port}"
    print(f"The book is at http://{address}/ (Ctrl-C ends)", flush=True)
    uvicorn.run(application(ROOT, address), host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main()
