"""One tag for each kind of collective, so that two of them never take each other's messages.

MPI keeps its collectives apart in a context that no program can reach; functions made of Send and
Recv have only tags. Where one rank is the root its number is part of the tag: ranks that disagree
about the root wait for messages that nobody sends, which a cluster can explain, instead of adding
up the wrong ones. Tags below `COLLECTIVES` are the program's own; MPI promises tags up to 32,767.
"""

from __future__ import annotations

from mlsys.distributed.cluster.communicator import Communicator

COLLECTIVES = 2048  # also the most ranks for which roots have tags of their own

BROADCAST, REDUCE, SCATTER, GATHER, NAIVE = (COLLECTIVES * kind for kind in range(1, 6))
REDUCE_SCATTER, ALLGATHER, ALLTOALL = (COLLECTIVES * kind for kind in range(6, 9))
DOUBLING, HALVING, FOLD, TORUS = (COLLECTIVES * kind for kind in range(9, 13))


def rooted(kind: int, root: int, comm: Communicator) -> int:
    """The tag of a collective with this root. Raises ValueError for a root that is no rank."""
    if not 0 <= root < comm.size:
        raise ValueError(f"root: expected a rank from 0 to {comm.size - 1}, got {root}")
    return kind + root % COLLECTIVES
