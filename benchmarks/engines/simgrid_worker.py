"""A ring allreduce in SimGrid, timed from the start of the simulation to its end.

    python3 simgrid_worker.py RANKS BYTES ALPHA BETA

Prints the seconds that it took, those on SimGrid's clock, and what the last rank got last. Needs
SimGrid's Python module and nothing else. What is sent are numbers: SimGrid copies no data, and
nothing is added up.
"""

from __future__ import annotations

import json
import os
import sys
import time

from simgrid import Actor, Engine, Host, LinkInRoute, Mailbox, NetZone, simgrid_version

MODEL = {  # seconds of a message: alpha + beta * bytes, and no corrections for TCP
    "network/model": "CM02",
    "network/TCP-gamma": "0",
    "network/crosstraffic": "0",
    "network/weight-S": "0",
    "network/bandwidth-factor": "1",
    "network/latency-factor": "1",
}


def star(ranks: int, alpha: float, beta: float) -> list[Host]:
    """A switch without limits, and a cable to each rank that carries both ways at once."""
    zone = NetZone.create_star_zone("cluster")
    hosts = []
    for rank in range(ranks):
        host = zone.create_host(str(rank), 1e9).seal()
        cable = zone.create_split_duplex_link(f"cable {rank}", 1 / beta)
        cable.set_latency(alpha / 2).seal()
        up = LinkInRoute(cable, LinkInRoute.Direction.UP)
        zone.add_route(host.netpoint, None, None, None, [up], True)
        hosts.append(host)
    zone.seal()
    return hosts


def ring(rank: int, ranks: int, nbytes: int, seen: list[list[int]]) -> None:
    """What every rank does: send a chunk to the right, get one from the left, 2 (P - 1) times."""
    right, mine = Mailbox.by_name(str((rank + 1) % ranks)), Mailbox.by_name(str(rank))
    for step in range(2 * (ranks - 1)):
        sending = right.put_async([rank, step], nbytes)
        seen[rank] = mine.get()
        sending.wait()


def main(ranks: int, nbytes: int, alpha: float, beta: float) -> dict[str, object]:
    """Run it."""
    settings = [f"--cfg={name}:{value}" for name, value in MODEL.items()]
    engine = Engine(["ring", "--log=root.thresh:critical", *settings])
    seen: list[list[int]] = [[] for _ in range(ranks)]
    for rank, host in enumerate(star(ranks, alpha, beta)):
        Actor.create(str(rank), host, ring, rank, ranks, nbytes // ranks, seen)
    start = time.perf_counter()
    engine.run()
    took = time.perf_counter() - start
    return {"version": simgrid_version, "took": took, "seconds": Engine.clock, "last": seen[-1]}


if __name__ == "__main__":
    _, ranks, nbytes, alpha, beta = sys.argv
    print(json.dumps(main(int(ranks), int(nbytes), float(alpha), float(beta))), flush=True)
    os._exit(0)  # its threads need no farewell
