"""Push and pull against ps-lite, a Ray actor, gloo by hand, pickled dictionaries, and memory.

    python benchmarks/bench_parameter_server.py --pslite FOLDER --ray ENV
    python benchmarks/bench_parameter_server.py --quick    two minutes: few rounds, writes nothing
    python benchmarks/bench_parameter_server.py --case pull-range

A call is timed where a worker waits for it: a push until the server has said that it is done, a
pull until the rows are there. All hold float32 and add what is pushed. *Keys* are sorted, every
second number, and the same again and again, so ours sends a signature of 8 bytes in their place; a
*range* has none. One server and one worker, each on a core of its own; with more workers there may
be more ranks than cores, which the title then says, and there is no target.

- ps-lite: with the server's function that it brings where a key has one number, with a hash table
  of rows where it has 16, and without copies on the worker's side. A range is one key with all
  numbers, as frameworks use it. Make FOLDER by ``git clone https://github.com/dmlc/ps-lite FOLDER``
  and ``cmake -S FOLDER -B FOLDER/build && make -C FOLDER/build pslite`` (wants ZeroMQ, protobuf).
- Ray: an actor with the array; what is pulled stays in Ray's shared memory. Make ENV by ``python
  -m venv ENV`` and ``ENV/bin/pip install ray numpy``.
- gloo: ``send`` and ``recv`` of PyTorch, and nothing of a server but what this race needs.
- dictionary: lower-case ``send`` and ``recv`` of mpi4py, an array for each key, or a float. A
  million keys take it ten seconds and are left out.
- memory: no server. ``np.copyto`` of the same bytes, twice, by one process: what goes through
  memory that two processes share has to be written into it, and out of it again. That is the limit.

All sleep while they are not asked, except for the processes that Ray keeps busy beside its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from command import Entrant, Heat, Race, main
from engines.collectives import JobClock
from engines.jobs import Jobs
from engines.parameter_servers import InJob, Rows, ps_lite, ray
from machine import version_of
from race import Case

CALLS = ("push", "pull")
KEYS = (1_000, 100_000, 1_000_000)
RANGES = {"4MB": 1_000_000, "16MB": 4_000_000}
SEVERAL = (2, 3)  # workers
Targets = dict[str, float | None]
PSLITE = {  # the least ratio: call, keys, numbers of a key
    ("push", 100_000, 1): 2.0,
    ("push", 1_000_000, 1): 2.0,
    ("pull", 100_000, 1): 5.0,
    ("pull", 1_000_000, 1): 5.0,
    ("pull", 100_000, 16): 1.0,
    ("pull", 1_000_000, 16): 1.0,
    ("push", 1_000_000, 16): 3.0,
}
RAY, DICTIONARY, MEMORY = 5.0, 100.0, 0.25

JOBS = Jobs("server_kernels")
CLOCK = JobClock(JOBS, near=False)


def heats() -> list[Heat]:
    """Keys with one number and with 16, ranges; then several workers."""
    found = [_keys(call, count, width) for width in (1, 16) for count in KEYS for call in CALLS]
    found += [_range(call, size) for size in RANGES for call in CALLS]
    return found + [heat for workers in SEVERAL for heat in _several(workers)]


def _keys(call: str, count: int, width: int) -> Heat:
    targets: Targets = {"pslite": PSLITE.get((call, count, width)), "gloo": None}
    if count <= 100_000:
        targets |= {"dictionary": DICTIONARY} | ({"floats": None} if width == 1 else {})
    each = "" if width == 1 else f" of {width}"
    name, title = f"{call}-{count}x{width}", f"{call} {count:,} keys{each}"
    return _heat(name, f"keys-{width}", title, Rows(call, count, width), targets)


def _range(call: str, size: str) -> Heat:
    memory = MEMORY if call == "pull" else None
    targets: Targets = {"pslite": None, "gloo": None, "ray": RAY, "memory": memory}
    rows = Rows(call, RANGES[size], keyed=False)
    return _heat(
        f"{call}-range-{size}", "range", f"{call} a range of {rows.count:,}", rows, targets
    )


def _several(workers: int) -> list[Heat]:
    """Every worker asks for the same at once."""
    few = workers + 1 > (os.cpu_count() or 1)
    who = f"{workers} workers" + (", more ranks than cores" if few else "")
    targets: Targets = {"pslite": None, "gloo": None}
    found = []
    for call in CALLS:
        keyed = Rows(call, 100_000, workers=workers)
        whole = Rows(call, RANGES["4MB"], keyed=False, workers=workers)
        for rows, what in ((keyed, "keys"), (whole, "range")):
            title = f"{call} {rows.count:,} {'keys' if rows.keyed else 'in a range'}, {who}"
            name = f"{call}-{what}-{workers}-workers"
            found.append(_heat(name, "several", title, rows, targets))
    return found


def _heat(name: str, group: str, title: str, rows: Rows, targets: Targets) -> Heat:
    case = Case(name, group, title, rows.call, tolerance=0, moves=rows.moved())
    return Heat(case, lambda _: rows, "moves", targets)


def _of(kernel: str, package: str, library: str = "open mpi") -> Callable[[], Any]:
    """How to make what comes with a package, if the package is here."""

    def construct() -> InJob:
        version = version_of(package)
        if version is None:
            raise ImportError(f"{package} is not installed")
        return InJob(JOBS, CLOCK, kernel, library, version)

    return construct


PSLITE_HERE, CLEAN = ps_lite(CLOCK)
MPI = "pip install 'mlsys[mpi]'"
RACE = Race(
    chapter="parameter_server",
    about=__doc__,
    ours=_of("ours", "mlsys"),
    heats=heats(),
    entrants=[
        Entrant("pslite", "ps-lite", PSLITE_HERE, "give --pslite FOLDER", "pslite"),
        Entrant("ray", "Ray actor", ray(CLOCK), "give --ray ENV", "ray"),
        Entrant(
            "gloo", "gloo, by hand", _of("gloo", "torch", "gloo"), "pip install 'mlsys[torch]'"
        ),
        Entrant("dictionary", "pickled dictionary", _of("dictionary", "mpi4py"), MPI),
        Entrant("floats", "pickled floats", _of("floats", "mpi4py"), MPI),
        Entrant("memory", "two copies in memory", _of("memory", "numpy")),
    ],
    paths={
        "pslite": "ps-lite's source, with libpslite.a built in it",
        "ray": "an environment with ray and numpy",
    },
    processes=True,
    clock=("wall time of the slowest worker", CLOCK),
)

if __name__ == "__main__":
    try:
        status = main(RACE, sys.argv[1:])
    finally:
        JOBS.close()
        CLEAN()
    sys.exit(status)
