"""The machine under a benchmark: make it comparable, and write down what it is.

One thread each: two thread pools in one process disturb each other more than they help. And one
setting of malloc for all: by default each array above a size is mapped anew and paid for in page
faults, which often costs more than the arithmetic (libraries that keep a pool do not pay).
"""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
MALLOC = {  # read by glibc when a process starts; other systems ignore it
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "MALLOC_TOP_PAD_": "268435456",
}
BUSY = 2.0  # load above which a missed target says nothing


def restart_in_order() -> None:
    """Start this program again with the settings above, unless it runs with them already.

    Libraries read them when they are loaded, so it is too late to set them from inside.
    """
    settings = THREADS | MALLOC
    if all(os.environ.get(name) == value for name, value in settings.items()):
        return
    command = [sys.executable, *sys.argv]
    environment = os.environ | settings
    if os.name == "posix":
        sys.stdout.flush()
        os.execve(sys.executable, command, environment)
    sys.exit(subprocess.run(command, env=environment).returncode)


def load() -> list[float] | None:
    """Processes that want to run, averaged over 1, 5 and 15 minutes; None where it is not known."""
    try:
        return [round(value, 2) for value in os.getloadavg()]
    except (AttributeError, OSError):
        return None


def facts() -> dict[str, Any]:
    """What the times depend on."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": f"{blas['name']} {blas['version']}",
        "torch": version_of("torch"),
        "threads": {name: os.environ.get(name) for name in THREADS},
        "malloc": {name: os.environ.get(name) for name in MALLOC},
        "load_before": load(),
    }


def version_of(package: str) -> str | None:
    """The installed version of a package, None if there is none."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory_gib() -> float | None:
    try:
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None
    return round(pages / 2**30, 1)
