"""Open MPI's launcher: where it is, how it must be set, and what it says when a job dies.

Of the two free MPIs that come as wheels this is the one whose waiting ranks can yield, so that more
ranks than cores make progress. Its defaults suit a machine with fast networks and a core for each
rank; `settings` are those for a laptop, a container and a continuous-integration runner.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlsys.distributed.cluster.communicator import ClusterError, RankFailed
from mlsys.distributed.cluster.shipping import named

SHARED_MEMORY = Path("/dev/shm")
THREADS_TOO = ("-x", "OMP_NUM_THREADS", "-x", "OPENBLAS_NUM_THREADS")  # MPI's own go by themselves


def find_mpiexec() -> str:
    """The path of Open MPI's mpiexec, that of this Python's environment if there is one."""
    beside = Path(sys.executable).with_name("mpiexec")
    path = str(beside) if beside.exists() else shutil.which("mpiexec")
    if path is None or importlib.util.find_spec("mpi4py") is None:
        raise ModuleNotFoundError(
            "programs on MPI need mpi4py and Open MPI: pip install 'mlsys[mpi]'"
        )
    if "Open MPI" not in (version := _version(path)):
        raise ClusterError(
            f"expected Open MPI's mpiexec, got {path}, which says {version!r}; install mlsys[mpi] "
            f"into an environment of its own, because two MPIs overwrite each other's mpiexec"
        )
    return path


@functools.cache
def _version(mpiexec: str) -> str:
    said = subprocess.run(
        [mpiexec, "--version"], capture_output=True, text=True, timeout=30, check=False
    )
    return (said.stdout + said.stderr).split("\n")[0]


def command(mpiexec: str, ranks: int, hosts: Sequence[str], rank: Sequence[str]) -> list[str]:
    """The line that starts ``rank`` so many times, every line of output with its rank before it."""
    where = ["--host", ",".join(hosts), *THREADS_TOO] if hosts else []
    return [mpiexec, "--output", "rank", "-n", str(ranks), *where, *rank]


def settings(hosts: bool) -> dict[str, str]:
    """Environment variables for the launcher and the ranks, on one host or several.

    A start takes 0.2 s with them and 1.2 without, most of it spent on looking for fast networks.
    Ranks fill one host after the other, and may be more than there are cores.
    A rank that waits gives its core away; where others want it too, a barrier then takes some
    microseconds and not milliseconds. On a core of its own that costs up to 1 µs a message:
    set OMPI_MCA_mpi_yield_when_idle=0 there.
    """
    chosen = {
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_pml": "ob1",
        "OMPI_MCA_btl": "self,sm,tcp" if hosts else "self,sm",
        "OMPI_MCA_osc": "^ucx",
        "OMPI_MCA_mpi_yield_when_idle": "1",
        "PRTE_MCA_rmaps_default_mapping_policy": "slot:oversubscribe",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    if hosts:  # who has lost a peer's connection waits, so that the peer's death is told first
        chosen["OMPI_MCA_mpi_abort_delay"] = "2"
    return chosen


def places(scratch: Path, shared: Path | None) -> dict[str, str]:
    """Folders for what one host's ranks share, files and memory: a killed job leaves both there."""
    names = ("OMPI_MCA_btl_sm_backing_directory", "OMPI_MCA_osc_sm_backing_directory")
    return {"TMPDIR": str(scratch), **(dict.fromkeys(names, str(shared)) if shared else {})}


def environment(chosen: Mapping[str, str], given: Mapping[str, str] = os.environ) -> dict[str, str]:
    """``chosen``, where the environment does not say otherwise.

    >>> environment({"OMPI_MCA_pml": "ob1", "OMPI_MCA_btl": "self"}, {"OMPI_MCA_pml": "ucx"})
    {'OMPI_MCA_pml': 'ucx', 'OMPI_MCA_btl': 'self'}
    """
    return {**chosen, **given}


class Relay:
    """Passes on what ranks say; keeps what the launcher says, which explains a death."""

    tag = re.compile(r"\[(\d+)\]<std(?:out|err)>: ")

    def __init__(self) -> None:
        self.launcher = ""

    def __call__(self, line: str, of_errors: bool) -> None:
        """Take a line without its end."""
        said = self.tag.match(line)
        if said is None:
            self.launcher += line + "\n"
        else:
            stream = sys.stderr if of_errors else sys.stdout
            print(f"[{said[1]}] {line[said.end() :]}", file=stream, flush=True)


def death(launcher: str, missing: Sequence[int], code: int) -> ClusterError:
    """The error for a job that ended early and without a traceback, from what the launcher told.

    >>> told = "noticed that process rank 1 with PID 7 on node a exited on\\nsignal 9 (Killed)."
    >>> print(death(told, [0, 1], 137))
    MPI: rank 1 died (signal 9, SIGKILL), and the job with it; start again from a checkpoint
    """
    told = " ".join(launcher.split())
    found = re.search(r"process rank (\d+) |Process name: \[[^]]*,(\d+)\]", told)
    if found is None:
        return ClusterError(
            f"MPI: mpiexec ended with code {code} before {named(missing)} had returned. "
            f"It says:\n{launcher.strip() or '(nothing)'}"
        )
    rank = int(found[1] or found[2])
    return RankFailed(
        f"MPI: rank {rank} died ({_cause(told)}), and the job with it; "
        f"start again from a checkpoint",
        (rank,),
    )


def _cause(told: str) -> str:
    if by := re.search(r"on signal (\d+)", told):
        return f"signal {by[1]}, {signal.Signals(int(by[1])).name}"
    if code := re.search(r"Exit code: (\d+)", told):
        return f"it left with exit code {code[1]}"
    if 'calling "abort"' in told:
        return "it called Abort, or MPI did because another's connection was lost"
    return "it left without returning"
