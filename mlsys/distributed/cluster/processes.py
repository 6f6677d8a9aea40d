"""One process of the operating system for each rank, and a router between them.

The ranks are real: each has memory and an interpreter of its own, runs when the kernel lets it, and
can be killed from outside. What they send passes through the parent, which counts it, and which may
delay it, lose it, or kill a rank, as `Faults` say. Cost: about 0.2 s of processor time to start a
rank, and some 0.2 ms for a message. These ranks show what happens, not how fast.

Parent and ranks trust each other as parts of one program do: they exchange pickles. Processes are
started anew, never forked from a parent that may have threads, and none is left when ``run``
returns, however it does; should the parent be killed, the kernel ends them (`lifeline`).
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
import pickle
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from mlsys.distributed.cluster.calls import Call, Raised, Reply, Returned
from mlsys.distributed.cluster.communicator import ClusterError, Program
from mlsys.distributed.cluster.faults import NOTHING_WRONG, Faults
from mlsys.distributed.cluster.job import Lines
from mlsys.distributed.cluster.process_rank import RETURNED, Frames
from mlsys.distributed.cluster.router import Router
from mlsys.distributed.cluster.run import Run
from mlsys.distributed.cluster.shipping import pack, program_failed

RANK = "mlsys.distributed.cluster.process_rank"
GRACE = 2.0  # seconds in which a rank that is done may end by itself
POLL = 0.1  # seconds between two looks at whether there can still be output


class RankProcess:
    """The process of one rank, and the channel to it."""

    def __init__(self, rank: int) -> None:
        self.rank = rank
        ours, theirs = socket.socketpair()
        self.frames = Frames(ours)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", RANK, str(theirs.fileno()), str(os.getpid())],
                env={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **os.environ},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C reaches us alone
            )
        self._threads: list[threading.Thread] = []

    def prepare(self, ranks: int, work: bytes, deadline: float) -> None:
        """Tell it who it is and what to run."""
        self._set_limit(deadline)
        with contextlib.suppress(OSError):  # `await_ready` says why
            self.frames.put((self.rank, ranks, work))

    def await_ready(self, deadline: float) -> None:
        """Return when it has the program and could begin."""
        self._set_limit(deadline)
        try:
            said, _ = self.receive()
        except TimeoutError:
            raise ClusterError(f"rank {self.rank} was not ready when time was up") from None
        except (EOFError, OSError):
            code = self.process.wait()
            raise ClusterError(
                f"rank {self.rank} ended before its program began, with exit code {code}"
            ) from None
        if isinstance(said, Raised):
            raise program_failed({self.rank: said})
        self.frames.connection.settimeout(None)

    def _set_limit(self, deadline: float) -> None:
        self.frames.connection.settimeout(max(deadline - time.monotonic(), 0.001))

    def attend(self, router: Router) -> None:
        """Let the router serve it from now on, and know when it has ended."""

        def watch() -> None:
            self.process.wait()
            self.kill()  # what it has started could hold its channel open
            router.hang_up(self.rank)

        for task in (lambda: router.serve(self.rank, self), watch):
            self._threads.append(threading.Thread(target=task, daemon=True))
            self._threads[-1].start()

    def receive(self) -> tuple[Call | Returned | Raised, str]:
        """What the rank says next, and the line of its program."""
        said, line = self.frames.get()
        if type(said) is not bytes:
            return said, line
        if line == RETURNED:
            return Returned(pickle.loads(said)), ""
        raised: Raised = pickle.loads(said)
        return raised, ""

    def send(self, reply: Reply) -> None:
        """Let the rank go on."""
        self.frames.put(reply)

    def kill(self) -> None:
        """End it, and what it has started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Kill it, and leave nothing of it."""
        self.kill()
        self.process.wait()
        with contextlib.suppress(OSError):
            self.frames.connection.shutdown(socket.SHUT_RDWR)  # ends a thread that reads from it
        for thread in self._threads:
            thread.join()
        for pipe in (self.process.stdout, self.process.stderr, self.frames):
            if pipe:
                pipe.close()


class ProcessCluster:
    """A cluster of ``ranks`` processes on this machine.

    faults: of messages, in real seconds, and of ranks: a crash is a ``kill -9``.
    eager, buffer: bytes, as for the simulated cluster. timeout: seconds for all of it.
    """

    def __init__(
        self,
        ranks: int,
        *,
        faults: Faults = NOTHING_WRONG,
        eager: float = math.inf,
        buffer: float = math.inf,
        timeout: float = 60.0,
    ) -> None:
        if ranks < 1:
            raise ValueError(f"ranks: expected at least 1, got {ranks}")
        if not timeout > 0:
            raise ValueError(f"timeout: expected seconds > 0, got {timeout}")
        if os.name != "posix":
            raise OSError("processes as ranks need Linux or macOS; use the simulated cluster here")
        self.ranks, self.timeout = ranks, timeout
        self._settings: dict[str, Any] = {"faults": faults, "eager": eager, "buffer": buffer}
        Router(ranks, **self._settings)  # refuses what makes no sense, before anything is started

    def run(self, program: Program, *arguments: Any) -> Run:
        """Run ``program(comm, *arguments)`` on every rank.

        Lines that ranks print appear with the rank's number before them. A rank that is killed from
        outside is in the run's ``dead``, if the others finish without it. Raises `ProgramFailed`
        when a rank has raised, `Deadlock` when all wait, `ClusterError` when time was up or a
        message was never received.
        """
        deadline = time.monotonic() + self.timeout
        work = pack(program, arguments)
        with _processes(self.ranks) as processes:
            for process in processes:
                process.prepare(self.ranks, work, deadline)
            for process in processes:
                process.await_ready(deadline)
            router = Router(self.ranks, kill=lambda rank: processes[rank].kill(), **self._settings)
            try:
                for process in processes:
                    process.attend(router)
                    with contextlib.suppress(OSError):  # its thread notices
                        process.send((0.0, None))
                router.run(deadline - time.monotonic())
            finally:
                router.close()
        return router.outcome()


@contextlib.contextmanager
def _processes(ranks: int) -> Iterator[list[RankProcess]]:
    """A process for each rank, what they print passed on; all are gone afterwards."""
    processes: list[RankProcess] = []
    done = threading.Event()
    output = threading.Thread(target=_pass_on, args=(processes, done), daemon=True)
    try:
        for rank in range(ranks):
            processes.append(RankProcess(rank))
        output.start()
        yield processes
        _let_end(processes, time.monotonic() + GRACE)
    finally:
        for process in processes:
            process.kill()
        done.set()
        if output.ident:
            output.join()
        for process in processes:
            process.close()


def _let_end(processes: list[RankProcess], deadline: float) -> None:
    """Wait for those that are done."""
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.process.wait(max(deadline - time.monotonic(), 0))


def _pass_on(processes: list[RankProcess], done: threading.Event) -> None:
    """Print what ranks print, line by line, until the processes are gone."""
    with selectors.DefaultSelector() as selector:
        for process in processes:
            lines = functools.partial(_say, process.rank)
            for pipe, of_errors in (
                (process.process.stdout, False),
                (process.process.stderr, True),
            ):
                assert pipe is not None
                selector.register(pipe, selectors.EVENT_READ, Lines(lines, of_errors))
        last = math.inf
        while selector.get_map() and time.monotonic() < last:
            ready = selector.select(POLL)
            if done.is_set():  # only somebody whom a rank has started can still hold its pipe
                last = min(last, time.monotonic() + (GRACE if ready else 0))
            for key, _ in ready:
                if not key.data.read(key.fd):
                    selector.unregister(key.fileobj)


def _say(rank: int, line: str, of_errors: bool) -> None:
    with contextlib.suppress(OSError, ValueError):  # nobody listens any more
        print(f"[{rank}] {line}", file=sys.stderr if of_errors else sys.stdout, flush=True)
