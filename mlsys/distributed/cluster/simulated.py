"""Rank programs as greenlets on a virtual clock: hundreds of machines in one process.

A greenlet is a function that can be left in the middle and entered again, at a quarter of a
microsecond a time: no threads, no locks. When a rank calls its cluster it is left, and the engine
says who goes on. Seconds pass on the virtual clock alone, and only for messages and `compute`.
"""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from mlsys.distributed.cluster.calls import Call, Raised, Reply, Returned
from mlsys.distributed.cluster.communicator import Program, RankFailed
from mlsys.distributed.cluster.endpoint import Endpoint, Line
from mlsys.distributed.cluster.engine import Engine
from mlsys.distributed.cluster.faults import NOTHING_WRONG, Faults
from mlsys.distributed.cluster.run import Run, refuse_leftovers
from mlsys.distributed.cluster.shipping import program_failed, traceback_of
from mlsys.distributed.cluster.topology import Topology, flat

_HERE = str(Path(__file__).parent)


class Greenlets:
    """The ranks of one program, each left where it last called."""

    def __init__(self, program: Program, arguments: tuple[Any, ...], ranks: int) -> None:
        try:
            from greenlet import getcurrent, greenlet
        except ImportError:
            raise ImportError(
                "the simulated cluster needs greenlet: pip install 'mlsys[distributed]'"
            ) from None
        hub, world = getcurrent(), tuple(range(ranks))

        def main(rank: int, reply: Reply) -> Returned | Raised:
            comm = Endpoint(Line(hub.switch), rank, world)
            try:
                return Returned(program(comm, *arguments))
            except (Exception, SystemExit) as error:
                return Raised(error, traceback_of(error))

        self._ranks = [greenlet(partial(main, rank)) for rank in world]
        self._enter = [rank.switch for rank in self._ranks]

    def resume(self, rank: int, reply: Reply) -> Call | Returned | Raised:
        """Let a rank run until it calls again, or ends."""
        return self._enter[rank](reply)  # type: ignore[no-any-return]

    def kill(self, rank: int) -> None:
        """End a rank where it stands."""
        self._ranks[rank].throw()

    def where(self, rank: int) -> str:
        """The line of its program at which a rank has called."""
        frame = self._ranks[rank].gr_frame
        while frame is not None and frame.f_code.co_filename.startswith(_HERE):
            frame = frame.f_back
        if frame is None:
            return ""
        code = frame.f_code
        return f"{Path(code.co_filename).name}:{frame.f_lineno}, in {code.co_name}"


class SimulatedCluster:
    """A cluster that exists on a virtual clock only; see `Engine` for what it can be told.

    >>> def program(comm):
    ...     comm.compute(1.0 + comm.rank)
    ...     comm.Barrier()
    ...     return comm.rank
    >>> run = SimulatedCluster(flat(3, alpha=0.5)).run(program)
    >>> run.values, run.seconds, run.traffic.rounds
    ([0, 1, 2], 4.0, 2)
    """

    def __init__(
        self,
        cluster: int | Topology,
        *,
        faults: Faults = NOTHING_WRONG,
        eager: float = math.inf,
        buffer: float = math.inf,
        detection: float = 0.0,
        trace: bool = False,
    ) -> None:
        self.topology = flat(cluster) if isinstance(cluster, int) else cluster
        self._settings: dict[str, Any] = {
            "faults": faults,
            "eager": eager,
            "buffer": buffer,
            "detection": detection,
            "trace": trace,
        }

    def run(self, program: Program, *arguments: Any) -> Run:
        """Run ``program(comm, *arguments)`` on every rank.

        Raises `ProgramFailed` when a rank has raised, `Deadlock` when all wait, `ClusterError`
        when a message was sent that nobody received.
        """
        ranks = Greenlets(program, arguments, self.topology.ranks)
        engine = Engine(self.topology, where=ranks.where, **self._settings)
        try:
            return drive(engine, ranks)
        finally:
            for rank in range(self.topology.ranks):
                ranks.kill(rank)


class Host(Protocol):
    """Where the code of ranks runs."""

    def resume(self, rank: int, reply: Reply) -> Call | Returned | Raised:
        """Let a rank run until it calls again, or ends."""

    def kill(self, rank: int) -> None:
        """End a rank where it stands."""


def drive(engine: Engine, host: Host) -> Run:
    """Let the engine and the ranks of a host talk until all have ended."""
    values: list[Any] = [None] * len(engine.ranks)
    raised: dict[int, Raised] = {}
    while (turn := engine.turn()) is not None:
        rank, reply = turn
        if reply is None:
            host.kill(rank)
            continue
        call = host.resume(rank, reply)
        if type(call) is Returned:
            values[rank] = call.value
        elif type(call) is Raised:
            raised[rank] = call
            if not isinstance(call.error, RankFailed):
                break  # the others would wait for it, or go on for nothing
        engine.take(rank, call)
    if raised:
        raise program_failed(raised)
    refuse_leftovers(engine.ranks, engine.faults)
    dead = tuple(rank.number for rank in engine.ranks if not rank.alive)
    return Run(values, engine.ended, engine.traffic(), engine.trace, dead)
