"""Two programs to begin with: copy one and change it.

Each is a function of a communicator that every rank runs. ``hello`` uses mpi4py's names alone, so
that ``print(hello(MPI.COMM_WORLD))`` in a script of your own, started by ``mpiexec -n 4 python
script.py``, is the same program again. ``ping_pong`` is how α and β are measured (Hockney, 1994).
"""

from __future__ import annotations

import numpy as np

from mlsys.distributed.cluster.communicator import Communicator


def hello(comm: Communicator) -> str:
    """Everybody greets the next rank, round a ring; returns whom this rank has heard.

    >>> from mlsys.distributed.cluster import SimulatedCluster
    >>> SimulatedCluster(3).run(hello).values
    ['rank 0 heard rank 2', 'rank 1 heard rank 0', 'rank 2 heard rank 1']
    """
    following, previous = (comm.rank + 1) % comm.size, (comm.rank - 1) % comm.size
    heard = comm.sendrecv(f"rank {comm.rank}", dest=following, source=previous)
    return f"rank {comm.rank} heard {heard}"


def ping_pong(comm: Communicator, nbytes: int = 8, repetitions: int = 100) -> float:
    """Seconds that a message takes from rank 0 to the last rank: half the median round trip.

    With messages of n bytes this is α + βn: two lengths give both. Ranks between look on; all
    return what rank 0 has measured. One round trip more, the first, is not counted.

    >>> from mlsys.distributed.cluster import SimulatedCluster, flat
    >>> run = SimulatedCluster(flat(2, alpha=3.0, beta=0.25)).run(ping_pong, 8, 5)
    >>> run.values
    [5.0, 5.0]
    """
    first, last = 0, comm.size - 1
    message, trips = np.zeros(nbytes, np.uint8), []
    if comm.rank == first != last:
        for _ in range(1 + repetitions):
            start = comm.now()
            comm.Send(message, dest=last)
            comm.Recv(message, source=last)
            trips.append(comm.now() - start)
    elif comm.rank == last != first:
        for _ in range(1 + repetitions):
            comm.Recv(message, source=first)
            comm.Send(message, dest=first)
    return told_by(comm, first, float(np.median(trips[1:])) / 2 if trips else 0.0)


def told_by(comm: Communicator, root: int, value: float) -> float:
    """What ``root`` has told, known to everybody."""
    if comm.rank != root:
        return float(comm.recv(source=root))
    for rank in range(comm.size):
        if rank != root:
            comm.send(value, dest=rank)
    return value
