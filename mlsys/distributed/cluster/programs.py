"""One program, three clusters: ``run_program(program, ranks=8, on="simulated")``.

The same function runs on a virtual clock, on processes of this machine, and on MPI. A notebook
cell, a test and a shell (``python -m mlsys.distributed.cluster run``) start it in the same way.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Callable
from typing import Any

from mlsys.distributed.cluster.communicator import Program
from mlsys.distributed.cluster.run import Run
from mlsys.distributed.cluster.topology import Topology

CLUSTERS = {  # imported when asked for: each needs packages that the others do not
    "simulated": ("mlsys.distributed.cluster.simulated", "SimulatedCluster"),
    "processes": ("mlsys.distributed.cluster.processes", "ProcessCluster"),
    "mpi": ("mlsys.distributed.cluster.mpi", "MPICluster"),
}


def run_program(
    program: Program | str,
    *arguments: Any,
    ranks: int | Topology = 4,
    on: str = "simulated",
    **options: Any,
) -> Run:
    """Run ``program(comm, *arguments)`` on that many ranks of a cluster.

    program: a function, or "module:function".
    on: "simulated", "processes" or "mpi"; ``options`` are those of its class: `SimulatedCluster`
        (which also takes a `Topology` for ``ranks``), `ProcessCluster`, `MPICluster`.

    >>> def rank_squared(comm):
    ...     return comm.rank ** 2
    >>> run_program(rank_squared, ranks=3).values
    [0, 1, 4]
    """
    if isinstance(program, str):
        program = find(program)
    cluster = cluster_class(on)
    _refuse_unknown(options, cluster, on)
    return cluster(_checked(ranks, on), **options).run(program, *arguments)  # type: ignore[no-any-return]


def cluster_class(on: str) -> Callable[..., Any]:
    """The class of a kind of cluster."""
    if on not in CLUSTERS:
        raise ValueError(f"on: expected one of {', '.join(CLUSTERS)}, got {on!r}")
    module, name = CLUSTERS[on]
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found


def find(place: str) -> Program:
    """The function that "module:function" names; the current folder is looked into first.

    >>> find("mlsys.distributed.cluster.examples:hello").__name__
    'hello'
    """
    module, colon, name = place.partition(":")
    if not (module and colon and name):
        raise ValueError(f"program: expected MODULE:FUNCTION, got {place!r}")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError as error:
        if not f"{module}.".startswith(f"{error.name}."):
            raise  # found, but something that it imports is not
        raise ValueError(
            f"program: found no module {error.name!r} in {os.getcwd()} nor installed"
        ) from None
    if not callable(found):
        raise ValueError(f"program: module {module} has no function {name!r}")
    program: Program = found
    return program


def _checked(ranks: int | Topology, on: str) -> int | Topology:
    if isinstance(ranks, Topology):
        if on != "simulated":
            raise TypeError(
                f"ranks: a topology is for the simulated cluster; on {on} give a number"
            )
    elif isinstance(ranks, bool) or not isinstance(ranks, int):
        raise TypeError(f"ranks: expected a whole number, got {ranks!r}")
    elif ranks < 1:
        raise ValueError(f"ranks: expected at least 1, got {ranks}")
    return ranks


def _refuse_unknown(options: dict[str, Any], cluster: Callable[..., Any], on: str) -> None:
    known = list(inspect.signature(cluster).parameters)[1:]
    for name in options:
        if name not in known:
            raise TypeError(f"{name}: no option of a cluster on {on!r}; it has {', '.join(known)}")
