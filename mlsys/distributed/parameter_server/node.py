"""The network around the machines: packets in, packets out, on any cluster.

Rank 0 is the scheduler, then come servers, then workers; all run the same program,

    run(comm, group, work)

and a worker's part of it is ``work(client)``. A node waits for whatever comes (``Probe``), gives it
to its machine, and sends what that has to say, all for one rank in one packet. Long packets leave
on their own, so that two nodes that send to each other never wait for each other.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from mlsys.distributed.cluster import ANY_SOURCE, Communicator, RankFailed, Request, new_status
from mlsys.distributed.parameter_server.client import Client, ParameterServerError
from mlsys.distributed.parameter_server.group import Group
from mlsys.distributed.parameter_server.messages import Join, Leave, Message, Outbox, Synced
from mlsys.distributed.parameter_server.scheduler import FAREWELLS, Scheduler
from mlsys.distributed.parameter_server.server import Server
from mlsys.distributed.parameter_server.wire import Packet, decode, encode

TAG = 1
SHORT = 4096  # bytes that every MPI takes from its sender at once
LOOKS = 20  # at what has come, between two ticks
Work = Callable[[Client], Any]


class Machine(Protocol):
    """What a node carries messages for."""

    outbox: Outbox
    stopped: bool
    reason: str

    def handle(self, source: int, message: Message) -> None:
        """Take a message."""

    def died(self, ranks: tuple[int, ...]) -> None:
        """These ranks are dead."""


class Node:
    """A rank with its machines: one, or the scheduler and a server together."""

    def __init__(self, comm: Communicator, group: Group) -> None:
        self._comm, self._group = comm, group
        self.machines: list[Machine] = []
        self._flying: list[tuple[Request, Packet]] = []
        self._status = new_status(comm)

    def pump(self) -> None:
        """Send what is to be said, wait for a packet, and deal with it."""
        self.send()
        try:
            self._comm.Probe(ANY_SOURCE, TAG, self._status)
            self._receive()
        except RankFailed as failure:
            self._died(failure)
        self.send()

    def look(self) -> bool:
        """Deal with a packet if one is there."""
        try:
            found = self._comm.Iprobe(ANY_SOURCE, TAG, self._status)
            if found:
                self._receive()
        except RankFailed as failure:
            self._died(failure)
            found = True
        self.send()
        return found

    def serve(self) -> None:
        """Work until all machines may stop. Raises `ParameterServerError` if one must."""
        self.send()
        while not all(machine.stopped for machine in self.machines):
            self.pump()
        self.close()

    def serve_with_ticks(self, scheduler: Scheduler, tick: float) -> None:
        """The same, and tell everybody after each ``tick`` seconds how late it is."""
        due = self._comm.now() + tick
        self.send()
        while not all(machine.stopped for machine in self.machines):
            if not self.look():
                pause(self._comm, tick / LOOKS)
            if self._comm.now() >= due:
                scheduler.tick(self._comm.now())
                due = self._comm.now() + tick
                self.send()
        self.close()

    def close(self) -> None:
        """Send the rest, and hear out what others still say where messages are said twice."""
        self.send()
        for request, _ in self._flying:
            self._ended(request.Wait)
        self._flying = []
        if self._group.tick is not None:
            self._linger(self._comm.now() + (FAREWELLS + 2) * self._group.tick)
        for machine in self.machines:
            if machine.reason:
                raise ParameterServerError(machine.reason)

    def _linger(self, until: float) -> None:
        assert self._group.tick is not None
        while self._comm.now() < until:
            try:
                if self._comm.Iprobe(ANY_SOURCE, TAG, self._status):
                    self._take()
                else:
                    pause(self._comm, self._group.tick / LOOKS)
            except RankFailed:
                continue

    def send(self) -> None:
        """Everything in the outboxes; what is for this rank itself is dealt with at once."""
        while any(machine.outbox.messages for machine in self.machines):
            packets: dict[int, list[Message]] = {}
            for machine in self.machines:
                for dest, message in machine.outbox.take():
                    packets.setdefault(dest, []).append(message)
            for message in packets.pop(self._comm.rank, ()):
                self._give(self._comm.rank, message)
            for dest, messages in packets.items():
                self._post(dest, encode(messages, self._group.level))

    def _post(self, dest: int, packet: Packet) -> None:
        """Send a packet; one for a dead rank is lost, and the scheduler will see to it."""
        try:
            if packet.nbytes <= SHORT:
                self._comm.Send(packet, dest, TAG)
            else:
                self._flying = [each for each in self._flying if not self._ended(each[0].Test)]
                self._flying.append((self._comm.Isend(packet, dest, TAG), packet))
        except RankFailed as failure:
            self._died(failure)

    def _ended(self, ask: Callable[[], bool]) -> bool:
        try:
            return ask()
        except RankFailed as failure:
            self._died(failure)
            return True

    def _receive(self) -> None:
        source = self._status.Get_source()
        for message in decode(self._take()):
            self._give(source, message)

    def _take(self) -> Packet:
        packet = np.empty(self._status.Get_count(), np.uint8)
        self._comm.Recv(packet, self._status.Get_source(), TAG)
        return packet

    def _give(self, source: int, message: Message) -> None:
        """To the scheduler what is for schedulers; a rank has one machine, or it and a server."""
        for_scheduler = isinstance(message, Join | Leave | Synced)
        machine = self.machines[0 if for_scheduler else -1]
        machine.handle(source, message)

    def _died(self, failure: RankFailed) -> None:
        for machine in self.machines:
            machine.died(failure.ranks)


def pause(comm: Communicator, seconds: float) -> None:
    """Let time pass: on a virtual clock, where work takes time, or on a real one."""
    before = comm.now()
    comm.compute(seconds)
    if comm.now() - before < seconds / 2:
        time.sleep(seconds)


def run(comm: Communicator, group: Group, work: Work) -> Any:
    """Every rank's program: what ``work`` returns on workers, on servers what they have done.

    Raises `ParameterServerError` where the job could not be done.
    """
    node, rank, size = Node(comm, group), comm.Get_rank(), comm.Get_size()
    if any(rank in ranks for ranks in group.worker_ranks(size).values()):
        client = Client(rank, group, size, node.pump, comm.compute, comm.now)
        node.machines = [client]
        value = work(client)
        client.finish()
        node.close()
        return value
    scheduler = Scheduler(group, size) if rank == 0 else None
    serves = rank in (*group.server_ranks, *group.spare_ranks)
    server = Server(rank, group, size) if serves else None
    node.machines = [each for each in (scheduler, server) if each is not None]
    if scheduler is not None and group.tick is not None:
        node.serve_with_ticks(scheduler, group.tick)
    else:
        node.serve()
    return dict(server.counts) if server else {}
