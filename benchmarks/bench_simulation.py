"""A simulator's price of an event, against SimPy.

    python benchmarks/bench_simulation.py                  all cases, writes results/simulation.json
    python benchmarks/bench_simulation.py --quick          a minute: few rounds, writes nothing
    python benchmarks/bench_simulation.py --case line

Both must agree on the time of every event, or of the end of every job. SimPy can suspend a function
in its middle and wait for one of several events; ours cannot, and that is part of the difference.
"""

from __future__ import annotations

import sys
from typing import Any

from command import Entrant, Heat, Race, drawing, main
from engines.simulations import Line, OurSimulator, Timers
from race import Case

EVENTS, JOBS = 60_000, 10_000


def heats() -> list[Heat]:
    """All that is raced: timers, the more of them the deeper the heap, and then whole stations."""
    found = []
    for waiting in (10, 1_000, 30_000):
        title = f"{waiting:,} timers that set themselves again"
        case = Case(f"timers-{waiting}", "timers", title, "event", EVENTS, tolerance=1e-12)
        found.append(Heat(case, drawing(Timers.draw, waiting, EVENTS), "timers", {"simpy": 0.9}))
    for servers in (1, 16):
        title = f"a station of {servers} server{'s' * (servers > 1)}, 80 % busy"
        case = Case(f"line-{servers}", "line", title, "job", JOBS, tolerance=1e-9)
        found.append(Heat(case, drawing(Line.draw, servers, JOBS), "line", {"simpy": 2.0}))
    return found


def _simpy() -> Any:
    from engines.simpy_worlds import SimPy

    return SimPy()


RACE = Race(
    chapter="simulation",
    about=__doc__,
    ours=OurSimulator,
    heats=heats(),
    entrants=[Entrant("simpy", "SimPy", _simpy, "pip install simpy")],
)

if __name__ == "__main__":
    sys.exit(main(RACE, sys.argv[1:]))
