"""Real MPI, on one host or many: mpiexec starts the ranks, the caller gets what they return.

MPI has no word for a rank that dies: the job dies with it (unless built and started for User-Level
Failure Mitigation, which few are). What is left to do, and is done here, is to say which rank it
was, to bring home the traceback of one that raised, and to leave no process behind. To go on after
a death is to start again from a checkpoint.
"""

from __future__ import annotations

import os
import pickle
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlsys.distributed.cluster import openmpi, shipping
from mlsys.distributed.cluster.calls import Raised
from mlsys.distributed.cluster.communicator import ClusterError, Program
from mlsys.distributed.cluster.job import Ended, follow
from mlsys.distributed.cluster.run import Run

RANK = "mlsys.distributed.cluster.mpi_rank"  # by name: to import it would start MPI here
PROGRAM = "program"  # files of the job's folder; those of a rank end in its number
VALUE, ERROR = "value.", "error."


class MPICluster:
    """Starts programs on MPI, with the mpiexec of this Python's environment.

    hosts: where to run, as ``["a:4", "b:4"]`` (four ranks each); on this host if left out. Each
        must have this Python environment at the same path and let ``ssh`` in without a password.
    timeout: seconds that the whole job may take, its start included.
    folder: where the job's files are made while it runs: the program on its way out, values on
        their way home. All hosts must see it under this path; with ``hosts`` it is the current
        folder if left out. Who writes there runs code here: what is made is for its owner alone.
    """

    def __init__(
        self,
        ranks: int,
        *,
        hosts: Sequence[str] | None = None,
        timeout: float = 120.0,
        folder: str | os.PathLike[str] | None = None,
    ) -> None:
        if ranks < 1:
            raise ValueError(f"ranks: expected at least 1, got {ranks}")
        self.ranks, self.hosts, self.timeout = ranks, tuple(hosts or ()), timeout
        self.folder = folder or (Path.cwd() if hosts else None)

    def run(self, program: Program, *arguments: Any) -> Run:
        """Run ``program(comm, *arguments)`` on every rank, ``comm`` an `MPICommunicator`.

        Lines that ranks print appear with the rank's number before them. Raises `ProgramFailed`
        when a rank raised, `RankFailed` when one died, `ClusterError` when time was up.
        """
        mpiexec = openmpi.find_mpiexec()
        work = shipping.pack(program, arguments)
        with _folder(self.folder) as folder, _shared_memory() as shared:
            (folder / PROGRAM).write_bytes(work)
            rank = [sys.executable, "-m", RANK, str(folder), str(self.ranks)]
            relay = openmpi.Relay()
            ended = follow(
                openmpi.command(mpiexec, self.ranks, self.hosts, rank),
                self._environment(folder, shared),
                self.timeout,
                relay,
            )
            return self._outcome(_load(folder, VALUE), _load(folder, ERROR), ended, relay.launcher)

    def _environment(self, folder: Path, shared: Path | None) -> dict[str, str]:
        """Ours, with settings that give way to the user's, and places that do not."""
        several = bool(self.hosts)
        places = {} if several else openmpi.places(folder, shared)
        return openmpi.environment(openmpi.settings(several)) | places

    def _outcome(
        self,
        values: dict[int, tuple[Any, float]],
        raised: dict[int, Raised],
        ended: Ended,
        launcher: str,
    ) -> Run:
        """The run, or the error that says best why there is none."""
        missing = [rank for rank in range(self.ranks) if rank not in values]
        if raised:
            raise shipping.program_failed(raised)
        if ended.late:
            raise ClusterError(
                f"MPI: ended because it was not done after {self.timeout:g} s; "
                f"{shipping.named(missing)} had not returned. Give a longer timeout, or look for a "
                f"receive that no send answers: the simulated cluster says which"
            )
        if missing:
            raise openmpi.death(launcher, missing, ended.code)
        ordered = [values[rank] for rank in range(self.ranks)]
        return Run([value for value, _ in ordered], max(seconds for _, seconds in ordered))


@contextmanager
def _folder(parent: str | os.PathLike[str] | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(
        prefix="mlsys-mpi-", dir=parent, ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder)


@contextmanager
def _shared_memory() -> Iterator[Path | None]:
    """A folder of our own for shared memory, where this host has a place for it."""
    if not os.access(openmpi.SHARED_MEMORY, os.W_OK):
        yield None
        return
    with _folder(openmpi.SHARED_MEMORY) as folder:
        yield folder


def _load(folder: Path, kind: str) -> dict[int, Any]:
    """What ranks have left, by rank, the first first."""
    files = [file for file in folder.glob(f"{kind}*") if file.suffix[1:].isdigit()]
    files.sort(key=lambda file: file.stat().st_mtime_ns)
    return {int(file.suffix[1:]): pickle.loads(file.read_bytes()) for file in files}
