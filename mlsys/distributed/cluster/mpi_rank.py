"""One rank of a program on MPI: what `MPICluster` starts, as many times as there are ranks.

The communicator is mpi4py's own, so that a message costs here what it costs any mpi4py program. It
only learns the two methods of ours. Its errors are mpi4py's too (``MPI.Exception``).
To import this module is to start MPI.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

from mpi4py import MPI

from mlsys.distributed.cluster import lifeline, shipping
from mlsys.distributed.cluster.communicator import ANY_SOURCE, ANY_TAG
from mlsys.distributed.cluster.mpi import ERROR, PROGRAM, VALUE


class MPICommunicator(MPI.Intracomm):
    """An mpi4py communicator with ``compute`` and ``now``: ``MPICommunicator(MPI.COMM_WORLD)``."""

    def compute(self, seconds: float) -> None:
        """Work takes the time it takes here; said for the simulated cluster, and ignored."""

    def now(self) -> float:
        """Seconds on this rank's own clock, from an arbitrary start."""
        return MPI.Wtime()

    def Split(self, color: int = 0, key: int = 0) -> MPICommunicator:
        """A communicator of the ranks that gave the same color, in the order of their keys."""
        return MPICommunicator(super().Split(color, key))

    def Shrink(self) -> MPICommunicator:
        """A communicator of the ranks that live, where MPI was built and started to survive."""
        return MPICommunicator(super().Shrink())


def check(world: MPI.Intracomm, ranks: int) -> None:
    """Refuse an MPI on which our programs would mean something else."""
    library = MPI.Get_library_version().split(",")[0]
    if (MPI.ANY_SOURCE, MPI.ANY_TAG) != (ANY_SOURCE, ANY_TAG):
        raise RuntimeError(
            f"expected an MPI that writes ANY_SOURCE and ANY_TAG as -1, got {library} with "
            f"{MPI.ANY_SOURCE} and {MPI.ANY_TAG}: install Open MPI (pip install 'mlsys[mpi]')"
        )
    if world.size != ranks:
        raise RuntimeError(
            f"expected a world of {ranks} ranks, got {world.size}: mpiexec and the library that "
            f"mpi4py has loaded ({library}) are not of the same MPI"
        )


def run(folder: Path, ranks: int) -> None:
    """Run the program, and leave a file: its value and its seconds, or its error."""
    world = MPICommunicator(MPI.COMM_WORLD)
    if not folder.is_dir():
        print(
            f"rank {world.rank}: expected the job's folder {folder}, and host "
            f"{MPI.Get_processor_name()} has none; give as folder= one that all hosts share",
            file=sys.stderr,
        )
        give_up()
    try:
        check(world, ranks)
        program, arguments = shipping.unpack((folder / PROGRAM).read_bytes())
        world.Barrier()
        start = world.now()
        value = program(world, *arguments)
        outcome = shipping.pack_value((value, world.now() - start))
    except BaseException as error:  # SystemExit too: who leaves early leaves the others waiting
        put(folder / f"{ERROR}{world.rank}", shipping.pack_error(error))
        give_up()
    put(folder / f"{VALUE}{world.rank}", outcome)


def put(path: Path, data: bytes) -> None:
    """Write a file that appears whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data)
    os.replace(partial, path)


def give_up() -> NoReturn:
    """End the job. To leave without ``Finalize`` does what ``Abort`` does, without its banner."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


if __name__ == "__main__":
    from mlsys.distributed.cluster import mpi_rank  # once more, by its name: programs import it too

    lifeline.die_with_parent()
    mpi_rank.run(Path(sys.argv[1]), int(sys.argv[2]))
