"""Clusters: one rank program, run on a virtual clock, on processes, or on real MPI.

Read in this order. What a rank sees, and all that it can say:

- ``communicator``: mpi4py's methods, and two of our own.
- ``calls``: what crosses between a rank and its cluster.
- ``endpoint``: each method as one call.

A cluster on a virtual clock:

- ``topology``: which links a message crosses.
- ``network``: links at work.
- ``faults``: what goes wrong on purpose.
- ``mailbox``: which message belongs to which receive.
- ``agenda``: what will happen, and when.
- ``rank``: what a cluster knows of each rank.
- ``deadlock``: why nothing goes on.
- ``engine``: takes the calls, and says who goes on.
- ``simulated``: ranks as greenlets.
- ``run``: what is known of a program afterwards.

A cluster of processes:

- ``exchange``: the same decisions on a real clock.
- ``untrusted``: calls of ranks that nobody trusts.
- ``plain``: calls as plain data.
- ``router``: threads, and one lock.
- ``shipping``: programs that travel, results and tracebacks that come back.
- ``lifeline``: no orphans.
- ``processes``, ``process_rank``: one process a rank.

Real MPI, and a way to start programs on all three:

- ``openmpi``, ``job``: how mpiexec is called, and how its job is ended.
- ``mpi``, ``mpi_rank``: `MPICluster`, and what each of its ranks runs.
- ``programs``, ``summary``: ``run_program``, and a run as a table.
- ``examples``: programs to start with.
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
    new_status,
)
from mlsys.distributed.cluster.faults import Faults
from mlsys.distributed.cluster.programs import run_program
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
    "new_status",
    "ring",
    "run_program",
    "torus",
    "two_level",
]
