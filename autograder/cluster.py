"""Grade on many machines: a Dask cluster behind the `Executor` that `batch` submits to.

``--cluster local:4`` starts four worker processes here; ``--cluster tcp://host:8786`` uses the
scheduler at that address, started on one machine and joined by the others::

    dask scheduler
    dask worker tcp://host:8786 --nworkers 8 --nthreads 1     # in the folder of the course

or all at once over SSH (``pip install paramiko``)::

    dask ssh --hostfile hosts.txt --nworkers 8 --nthreads 1

or under Slurm, from a Python session on the login node, which prints the address and stays open::

    cluster = dask_jobqueue.SLURMCluster(cores=8, processes=8, memory="16GB", walltime="01:00:00")
    cluster.scale(jobs=10)
    print(cluster.scheduler_address)

or on Kubernetes, where its operator is installed, with an image of the course::

    cluster = dask_kubernetes.operator.KubeCluster(name="grading", image="course")
    cluster.scale(10)

Hidden checks must lie at the same path everywhere.
A worker that would grade on other terms (another version of the lab, of NumPy, another isolation)
refuses. One that is lost is made good: its submissions go to the others. Whoever can talk to a
scheduler can run code on its workers, and the course key travels there: keep it in a closed
network, or use TLS.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from autograder.batch import Place
from autograder.grade import Grader
from autograder.lab import Lab, LabError, find_labs, with_hidden
from autograder.results import LabResult
from autograder.sandbox import Sandbox
from autograder.store import terms_of
from autograder.submission import Submission

PATIENCE = 60  # seconds until the scheduler has answered and a worker is there

_graders: dict[str, Grader] = {}  # of this worker: warm until it ends
_turn = threading.Lock()


@contextlib.contextmanager
def dask_cluster(address: str, lab: Lab, key: bytes) -> Iterator[Place]:
    """The cluster at ``address``: "tcp://host:port", or "local:" and a number of processes."""
    with _client(address) as client:
        tier = client.submit(_tier, lab.name, lab.hidden, pure=False).result(PATIENCE)
        grade = partial(_grade, lab.name, lab.hidden, terms_of(lab, tier), key)
        pool = client.get_executor(pure=False)
        yield Place(pool, grade, tier, lambda: sum(client.nthreads().values()) or 1)


@contextlib.contextmanager
def _client(address: str) -> Iterator[Any]:
    try:
        import distributed
    except ImportError:
        raise LabError("a cluster needs Dask: pip install 'mlsys[cluster]'") from None
    dask: Any = distributed  # it has no types
    with contextlib.ExitStack() as stack:
        try:
            scheduler = address
            if address.startswith("local:"):
                own = {"threads_per_worker": 1, "dashboard_address": None}
                scheduler = stack.enter_context(
                    dask.LocalCluster(n_workers=int(address[6:]), **own)
                )
            client = stack.enter_context(dask.Client(scheduler, timeout=PATIENCE))
            client.wait_for_workers(1, timeout=PATIENCE)
        except (OSError, ValueError) as error:
            wanted = "expected tcp://HOST:PORT of a scheduler that has workers, or local:NUMBER"
            raise LabError(f"no cluster at {address!r}: {error}; {wanted}") from None
        yield client


def _tier(name: str, hidden: Path | None) -> str:
    """In a worker: how it isolates submissions."""
    with Sandbox(_lab(name, hidden)) as sandbox:
        return sandbox.tier


def _grade(
    name: str, hidden: Path | None, terms: dict[str, str], key: bytes, submission: Submission
) -> LabResult:
    """In a worker: grade, provided that it means the same here as where it was asked for."""
    known = f"{terms} {key!r}"
    with _turn:
        if known not in _graders:
            _graders[known] = _opened(_lab(name, hidden), terms, key)
    return _graders[known].grade(submission)


def _opened(lab: Lab, terms: dict[str, str], key: bytes) -> Grader:
    sandbox = Sandbox(lab)
    here = terms_of(lab, sandbox.tier)
    if odd := sorted(what for what in terms | here if terms.get(what) != here.get(what)):
        mend = "bring all machines to the same versions and start the workers anew"
        raise LabError(f"a worker has another {', '.join(odd)} than this machine; {mend}")
    return Grader(lab, sandbox, key)


def _lab(name: str, hidden: Path | None) -> Lab:
    if name not in (labs := find_labs()):
        raise LabError(f"a worker knows no lab {name!r}; start workers in the folder of the course")
    return with_hidden(labs[name], hidden and hidden.parent)
