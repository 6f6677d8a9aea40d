"""Collectives: every rank has an array, and all must end with the sum of all.

All work in place, on n elements that are seen as P chunks, one for each rank:

    broadcast        root has all               →  everybody has all
    scatter          root has all               →  rank r has chunk r
    gather           rank r has chunk r         →  root has all
    allgather        rank r has chunk r         →  everybody has all
    reduce           everybody has numbers      →  root has the sum
    reduce_scatter   everybody has numbers      →  rank r has chunk r of the sum
    allreduce        everybody has numbers      →  everybody has the sum
    alltoall         rank r has row r           →  rank k has column k

Arrays must be contiguous, and alike on all ranks. An allreduce of arrays that are not raises on at
least one rank; a rank that gives a reduction too little is not noticed, as in MPI.

Read in this order:

- ``ring``: the algorithm that made data parallelism cheap.
- ``tags``: how collectives keep out of each other's way.
- ``tree``: few rounds, whole arrays.
- ``direct``: one rank talks to all; what the others are measured against.
- ``doubling``, ``halving``: few rounds for all, and few bytes too.
- ``grid``: machines with several ranks, and tori.
- ``window``: no messages at all.
- ``costs``: bounds, bandwidths, and a network's α and β.
- ``selection``: the cheapest.
- ``numerics``: why the last bits differ.
"""

from mlsys.distributed.allreduce.costs import (
    algorithm_bandwidth,
    bandwidth_bound,
    bus_bandwidth,
    fit,
    latency_bound,
)
from mlsys.distributed.allreduce.direct import (
    alltoall,
    alltoall_cost,
    gather,
    naive_allreduce,
    naive_cost,
    scatter,
    scatter_cost,
)
from mlsys.distributed.allreduce.doubling import doubling_allreduce, doubling_cost
from mlsys.distributed.allreduce.grid import (
    Grid,
    grid_of,
    hierarchical_allreduce,
    hierarchical_cost,
    torus_allreduce,
    torus_cost,
)
from mlsys.distributed.allreduce.halving import halving_allreduce, halving_cost
from mlsys.distributed.allreduce.numerics import additions, error_bound, reproducible_allreduce
from mlsys.distributed.allreduce.ring import (
    allgather,
    chunks,
    half_ring_cost,
    pieces,
    reduce_scatter,
    ring_allreduce,
    ring_cost,
    vector,
)
from mlsys.distributed.allreduce.selection import (
    ALGORITHMS,
    CANDIDATES,
    Algorithm,
    allreduce,
    choose,
    crossover,
)
from mlsys.distributed.allreduce.tree import (
    broadcast,
    broadcast_cost,
    reduce,
    tree_allreduce,
    tree_cost,
)
from mlsys.distributed.allreduce.window import SharedWindow

__all__ = [
    "ALGORITHMS",
    "CANDIDATES",
    "Algorithm",
    "Grid",
    "SharedWindow",
    "additions",
    "algorithm_bandwidth",
    "allgather",
    "allreduce",
    "alltoall",
    "alltoall_cost",
    "bandwidth_bound",
    "broadcast",
    "broadcast_cost",
    "bus_bandwidth",
    "choose",
    "chunks",
    "crossover",
    "doubling_allreduce",
    "doubling_cost",
    "error_bound",
    "fit",
    "gather",
    "grid_of",
    "half_ring_cost",
    "halving_allreduce",
    "halving_cost",
    "hierarchical_allreduce",
    "hierarchical_cost",
    "latency_bound",
    "naive_allreduce",
    "naive_cost",
    "pieces",
    "reduce",
    "reduce_scatter",
    "reproducible_allreduce",
    "ring_allreduce",
    "ring_cost",
    "scatter",
    "scatter_cost",
    "torus_allreduce",
    "torus_cost",
    "tree_allreduce",
    "tree_cost",
    "vector",
]
