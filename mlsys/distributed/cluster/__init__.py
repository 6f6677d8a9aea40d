"""Clusters: one rank program, run on a virtual clock, on processes, or on real MPI.

Read in this order:

- ``communicator``: what a rank sees: mpi4py's methods, and two of our own.
- ``calls``: what crosses between a rank and its cluster.
- ``endpoint``: the rank's side: each method as one call.
- ``topology``: which links a message crosses.
- ``network``: links at work.
- ``faults``: what goes wrong on purpose.
- ``mailbox``: which message belongs to which receive.
- ``agenda``: what will happen, and when.
- ``engine``: the cluster on a virtual clock.
- ``rank``: what it knows of each rank.
- ``deadlock``: why nothing goes on.
- ``simulated``: ranks as greenlets.
- ``run``: what is known of a program afterwards.
"""

from mlsys.distributed.cluster.communicator import (
    ANY_SOURCE,
    ANY_TAG,
    ClusterError,
    Communicator,
    Deadlock,
    Program,
    RankFailed,
    Request,
    Revoked,
    Status,
    Truncated,
)
from mlsys.distributed.cluster.faults import Faults
from mlsys.distributed.cluster.run import ProgramFailed, Run, Traffic
from mlsys.distributed.cluster.simulated import SimulatedCluster
from mlsys.distributed.cluster.topology import Topology, fat_tree, flat, ring, torus, two_level

__all__ = [
    "ANY_SOURCE",
    "ANY_TAG",
    "ClusterError",
    "Communicator",
    "Deadlock",
    "Faults",
    "Program",
    "ProgramFailed",
    "RankFailed",
    "Request",
    "Revoked",
    "Run",
    "SimulatedCluster",
    "Status",
    "Topology",
    "Traffic",
    "Truncated",
    "fat_tree",
    "flat",
    "ring",
    "torus",
    "two_level",
]
