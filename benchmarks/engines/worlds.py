"""What joins ranks: an MPI, or torch's gloo; and what is timed on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Kernel:
    """What is timed, and, for a seed, the numbers that prove what it does; all ranks call both."""

    run: Callable[[], object]
    results: Callable[[int], dict[str, list[float]]]
    close: Callable[[], object] = lambda: None


class MPIWorld:
    """The ranks that mpiexec started. Open MPI or MPICH, whichever this environment has."""

    def __init__(self) -> None:
        from mpi4py import MPI

        self.mpi, self.comm = MPI, MPI.COMM_WORLD
        self.rank, self.ranks, self.barrier = self.comm.rank, self.comm.size, self.comm.Barrier
        self.version = ".".join(map(str, MPI.get_vendor()[1]))


class GlooWorld:
    """Processes that torch's gloo joins, over the loopback interface."""

    def __init__(self, rank: str, ranks: str, file: str) -> None:
        import torch
        import torch.distributed

        torch.set_num_threads(1)
        self.distributed, self.rank, self.ranks = torch.distributed, int(rank), int(ranks)
        torch.distributed.init_process_group(
            "gloo", init_method=f"file://{file}", rank=self.rank, world_size=self.ranks
        )
        self.barrier, self.version = torch.distributed.barrier, torch.__version__


World = MPIWorld | GlooWorld
