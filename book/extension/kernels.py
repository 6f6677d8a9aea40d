"""How the chapters' cells run, how their results are reused, and how long they took.

Outputs are reused only while every source that a cell can import is unchanged: the cache lies in
a folder named after a hash of those sources. ``BOOK_EXECUTE=force`` runs all cells anew.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from sphinx.util import logging

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config

log = logging.getLogger(__name__)
ROOT = Path(__file__).resolve().parents[2]
IMPORTED = (
    "mlsys/**/*.py",
    "autograder/**/*.py",
    "labs/**/*.py",
    "book/figures.py",
    "book/slider.py",
    "book/stepper.py",
    "book/extension/drawings.py",
    "benchmarks/results/*.json",
)
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
BUDGET_SECONDS = 15.0


def sources_hash(root: Path, patterns: Iterable[str] = IMPORTED) -> str:
    """A short name for the state of all files that cells may import or read."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in patterns for path in root.glob(pattern)}):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def prepare(app: Sphinx, config: Config) -> None:
    """Give kernels the drawing module and one thread each; choose the cache."""
    paths = [str(ROOT / "book"), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    for name in ONE_THREAD:
        os.environ.setdefault(name, "1")
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    if mode := os.environ.get("BOOK_EXECUTE"):
        config.nb_execution_mode = mode
    build = Path(app.outdir).parent
    isolate(build)
    cache = build / ".jupyter_cache" / sources_hash(ROOT)
    config.nb_execution_cache_path = str(cache)


def isolate(build: Path) -> None:
    """Keep the kernels' settings in the build folder: no reader's profile changes a result."""
    profile = build / "ipython" / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    # Kernels talk to this machine only; their warning about that would be said for each chapter.
    settings = profile / "ipython_kernel_config.py"
    settings.write_text("c = get_config()\nc.Application.log_level = 40\n", encoding="utf-8")
    os.environ["IPYTHONDIR"] = str(build / "ipython")
    os.environ["MPLCONFIGDIR"] = str(build / "matplotlib")


def report(app: Sphinx, exception: Exception | None) -> None:
    """Write ``_build/chapter-times.json`` and print the ten dearest chapters."""
    times = {
        name: round(data["exec_data"]["runtime"], 2)
        for name, data in getattr(app.env, "nb_metadata", {}).items()
        if data.get("exec_data", {}).get("runtime") is not None
    }
    if exception is not None or not times:
        return
    path = Path(app.outdir).parent / "chapter-times.json"
    path.write_text(json.dumps(times, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    dearest = sorted(times.items(), key=lambda item: -item[1])[:10]
    log.info("cell time of the dearest chapters (a chapter's share is %.0f s):", BUDGET_SECONDS)
    for name, seconds in dearest:
        log.info("  %6.1f s  %s", seconds, name)
        if seconds > 2 * BUDGET_SECONDS:
            log.warning("%s: its cells took %.1f s, over twice their share", name, seconds)


def setup(app: Sphinx) -> None:
    app.connect("config-inited", prepare)
    app.connect("build-finished", report)
