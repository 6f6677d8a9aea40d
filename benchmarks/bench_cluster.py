"""What a message of the simulated cluster costs, against SimPy and SimGrid.

    python benchmarks/bench_cluster.py --simgrid /usr      where SimGrid's Python module is
    python benchmarks/bench_cluster.py --quick             a minute: few rounds, writes nothing
    python benchmarks/bench_cluster.py --case ring-64

All run an allreduce on a ring over a switch, and must end at the time that the formula predicts.
SimGrid is written in C++ and knows many models of networks; from Python, each of its actors is a
thread. It is found through the option: a folder with a ``bin/python3`` that can import ``simgrid``
(Debian: ``apt install python3-simgrid``, then ``/usr``). *Ours, traced* also writes down every
message; *ours, fewer ranks* says how the price of a message grows with their number.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from command import Entrant, Heat, Race, main
from engines.rings import OnFewer, Ours, Ring, SimGrid, SimPy, StopWatch
from race import Case

WATCH = StopWatch()
BARS = {256: 1.0, 1024: 20.0}  # seconds of a whole run that somebody waits for
PEERS: dict[int, dict[str, float | None]] = {
    16: {"simpy": 2.0, "simgrid": 5.0},
    64: {"simpy": 2.0, "simgrid": 5.0, "traced": None},
    256: {"simpy": 2.0, "simgrid": 5.0, "fewer": 0.8},
    1024: {"fewer": 0.8},
}


def heats() -> list[Heat]:
    """Rings from small to large; the larger ones take minutes with some peers."""
    return [_ring(ranks, targets) for ranks, targets in PEERS.items()]


def _ring(ranks: int, targets: dict[str, float | None]) -> Heat:
    ring = Ring(ranks)
    bar = BARS[ranks] / ring.messages if ranks in BARS else None
    title = f"a ring of {ranks:,} ranks"
    case = Case(f"ring-{ranks}", "ring", title, "message", ring.messages, 1e-6, bar)
    return Heat(case, lambda _: ring, "allreduce", targets, rounds=9 if ranks < 256 else 3)


def _simgrid(path: Path) -> Any:
    return SimGrid(WATCH, path)


RACE = Race(
    chapter="cluster",
    about=__doc__,
    ours=Ours,
    heats=heats(),
    entrants=[
        Entrant("simpy", "SimPy", SimPy, "pip install simpy"),
        Entrant("simgrid", "SimGrid", _simgrid, "give --simgrid PATH", "simgrid"),
        Entrant("traced", "ours, traced", lambda: Ours(trace=True)),
        Entrant("fewer", "ours, a quarter of the ranks", OnFewer),
    ],
    paths={"simgrid": "a folder with a bin/python3 that can import simgrid"},
    processes=True,
    clock=("wall time", WATCH),
)

if __name__ == "__main__":
    sys.exit(main(RACE, sys.argv[1:]))
