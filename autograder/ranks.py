"""Ranks of a student's program on a cluster of the grader's: what they cost is counted here.

The rank functions run in the sandbox; engine or router, and so the clock and every counter of
bytes, messages and rounds, are on this side of the pipe. What a rank sends crosses as opaque bytes,
is handed on to whom it is for, and is never decoded. Most runs have all ranks in one child, which
is quick: but then they could whisper to each other over its memory. With ``apart`` each has a child
of its own, and nothing but messages between them.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from autograder.student import Conversation, Student, StudentError, StudentRaised
from mlsys.distributed.cluster.calls import Call, Raised, Reply, Returned
from mlsys.distributed.cluster.communicator import ClusterError, RankFailed
from mlsys.distributed.cluster.engine import Engine
from mlsys.distributed.cluster.plain import call_from_plain, reply_to_plain
from mlsys.distributed.cluster.router import Router
from mlsys.distributed.cluster.run import ProgramFailed, Run
from mlsys.distributed.cluster.simulated import drive
from mlsys.distributed.cluster.topology import Topology, flat

PROBE = "rank"  # of the lab's probes.py: rank(talk, module, function, rank, size, *arguments)
MOST_CALLS = 20_000  # of all ranks of a run together
MOST_BYTES = 2**28  # that they may send


class StudentRanks:
    """The ranks of one program, as an engine's host: each waits in its conversation.

    arguments: one tuple of plain data a rank.
    """

    def __init__(
        self,
        student: Student,
        function: str,
        arguments: Sequence[tuple[Any, ...]],
        apart: bool = False,
    ) -> None:
        size = len(arguments)
        self._students = [student.another() if apart else student for _ in arguments]
        self._apart, self._calls, self._bytes = apart, 0, 0
        if apart:
            for each in self._students:
                each.begin()  # all of them start at the same time
        self._ranks: list[Conversation] = [
            each.converse(PROBE, function, rank, size, *given)
            for rank, (each, given) in enumerate(zip(self._students, arguments, strict=True))
        ]

    def resume(self, rank: int, reply: Reply) -> Call | Returned | Raised:
        """Let a rank run until it calls again, or ends."""
        try:
            ended, said = self._ranks[rank].go_on(reply_to_plain(reply))
        except StudentRaised as raised:
            if raised.kind in ("RankFailed", "Revoked"):
                return Raised(RankFailed(raised.text))
            raise StudentError(raised.reason, f"rank {rank}: {raised}") from None
        except StudentError as error:
            raise StudentError(error.reason, f"rank {rank}: {error}") from None
        if ended:
            return Returned(said)
        self._calls += 1
        self._bytes += _payload(said)
        if self._calls > MOST_CALLS or self._bytes > MOST_BYTES:
            raise StudentError(
                "output_limit",
                f"the ranks made {self._calls:,} calls and sent {self._bytes:,} bytes; "
                f"at most {MOST_CALLS:,} and {MOST_BYTES:,} are allowed in one run",
            )
        return call_from_plain(said, len(self._ranks))

    def kill(self, rank: int) -> None:
        """End a rank where it stands; one that shares its child is just not heard of again."""
        if self._apart:
            self._students[rank].close()

    def close(self) -> None:
        """End the children that were started for single ranks."""
        for rank in range(len(self._students)):
            self.kill(rank)


def simulate(
    student: Student,
    function: str,
    arguments: Sequence[tuple[Any, ...]],
    *,
    topology: Topology | None = None,
    apart: bool = False,
    **settings: Any,
) -> Run:
    """Run ``function(comm, *arguments[rank])`` of the student's file on every rank, simulated.

    settings: of `mlsys.distributed.cluster.engine.Engine`. Raises `StudentError` for a rank that
    raises, a deadlock, a message that nobody receives.
    """
    with _students_errors(), _ranks_of(student, function, arguments, apart) as ranks:
        return drive(Engine(topology or flat(len(arguments)), **settings), ranks)


def route(
    student: Student,
    function: str,
    arguments: Sequence[tuple[Any, ...]],
    *,
    timeout: float = 10.0,
    **settings: Any,
) -> Run:
    """Run it on processes that run at the same time, each in a sandbox of its own.

    settings: of `mlsys.distributed.cluster.router.Router`, through which all messages pass; time
    is that of this machine's clock. timeout: seconds. Raises as `simulate` does.
    """
    with _students_errors(), _ranks_of(student, function, arguments, apart=True) as ranks:
        router = Router(len(arguments), kill=ranks.kill, room=MOST_BYTES, **settings)
        threads = [
            threading.Thread(target=router.serve, args=(rank, _Channel(ranks, rank)), daemon=True)
            for rank in range(len(arguments))
        ]
        for thread in threads:
            thread.start()
        try:
            router.run(timeout)
        finally:
            router.close()
            ranks.close()  # whoever still waits for a rank is told that it is gone
            for thread in threads:
                thread.join()
        return router.outcome()


class _Channel:
    """The way from a router to one rank."""

    def __init__(self, ranks: StudentRanks, rank: int) -> None:
        self._ranks, self._rank = ranks, rank
        self._reply: Reply = (0.0, None)

    def receive(self) -> tuple[Call | Returned | Raised, str]:
        """What the rank says to the last reply."""
        return self._ranks.resume(self._rank, self._reply), ""

    def send(self, reply: Reply) -> None:
        """The reply, which it gets when it is listened to again."""
        self._reply = reply


@contextlib.contextmanager
def _ranks_of(
    student: Student, function: str, arguments: Sequence[tuple[Any, ...]], apart: bool
) -> Iterator[StudentRanks]:
    ranks = StudentRanks(student, function, arguments, apart)
    try:
        yield ranks
    finally:
        ranks.close()


@contextlib.contextmanager
def _students_errors() -> Iterator[None]:
    """What went wrong on the cluster is a fault of the student's program."""
    try:
        yield
    except ProgramFailed as failed:
        rank, error = next(iter(failed.errors.items()))
        if isinstance(error, StudentError):
            raise error from None
        raise StudentError("error", f"rank {rank}: {error}") from None
    except ClusterError as error:
        raise StudentError("error", str(error)) from None


def _payload(said: Any) -> int:
    """Bytes in the messages of what may be a call."""
    try:
        return sum(len(send[-1]) for send in said[1]) if said[0] == "step" else 0
    except (IndexError, KeyError, TypeError):
        return 0  # it will not pass as a call
