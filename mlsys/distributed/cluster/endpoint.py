"""A communicator for any cluster of ours: mpi4py's methods, each turned into one call.

The rank's side of a cluster, and the whole of it: `Endpoint` needs nothing but a function that
takes a call and returns its reply. The same class serves a greenlet on a virtual clock, a process
of its own, and a student's file behind a sandbox's pipe.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from mlsys.distributed.cluster.calls import (
    BARRIER,
    OBJECT,
    SPLIT,
    Call,
    Compute,
    Delivery,
    Failure,
    Incoming,
    Outgoing,
    Own,
    Probe,
    Reply,
    Revoke,
    Shrink,
    Step,
    Test,
)
from mlsys.distributed.cluster.communicator import (
    ANY_SOURCE,
    ANY_TAG,
    Array,
    RankFailed,
    Revoked,
    Status,
    Truncated,
    as_bytes,
    kind_of,
)


class Line:
    """What one rank and its cluster share: the way to call, the clock, the number of requests."""

    def __init__(self, call: Callable[[Call], Reply]) -> None:
        self._call = call
        self.clock = 0.0
        self.requests = 0

    def ask(self, call: Call) -> Any:
        """The value of the reply, or the failure that it reports."""
        self.clock, value = self._call(call)
        if type(value) is Failure:
            raise (Revoked if value.revoked else RankFailed)(value.message, tuple(value.ranks))
        return value

    def number(self) -> int:
        """A number for a new request."""
        self.requests += 1
        return self.requests


class EndpointRequest:
    """A transfer under way; ``receive`` puts what has arrived into its place."""

    def __init__(
        self, line: Line, number: int, receive: Callable[[Delivery, Status | None], Any] | None
    ) -> None:
        self._line, self._number, self._receive = line, number, receive
        self._done, self._value, self._status = False, None, Status()

    def Wait(self, status: Status | None = None) -> bool:
        """Return when it is done; always True."""
        if not self._done:
            self._finish(self._line.ask(Step((), (), (self._number,)))[0])
        self._fill(status)
        return True

    def Test(self, status: Status | None = None) -> bool:
        """Whether it is done by now."""
        if not self._done:
            done, delivery = self._line.ask(Test(self._number))
            if not done:
                return False
            self._finish(delivery)
        self._fill(status)
        return True

    def wait(self, status: Status | None = None) -> Any:
        """``Wait``; returns the object of an ``irecv``, else None."""
        self.Wait(status)
        return self._value

    def test(self, status: Status | None = None) -> tuple[bool, Any]:
        """``Test``, with the object of an ``irecv``."""
        return self.Test(status), self._value

    def _finish(self, delivery: Delivery | None) -> None:
        self._done = True
        if delivery is not None and self._receive is not None:
            self._value = self._receive(delivery, self._status)

    def _fill(self, status: Status | None) -> None:
        if status is not None:
            vars(status).update(vars(self._status))


class Endpoint:
    """One rank's view of a communicator; see `Communicator` for what its methods do.

    group: for each rank of the communicator, its number in the world.
    """

    def __init__(self, line: Line, rank: int, group: tuple[int, ...], context: str = "world"):
        self.rank, self.size = rank, len(group)
        self._line, self._group, self._context = line, group, context
        self._splits = 0

    def __repr__(self) -> str:
        return f"<rank {self.rank} of {self.size} in {self._context}>"

    def Get_rank(self) -> int:
        """This rank's number, from 0."""
        return self.rank

    def Get_size(self) -> int:
        """How many ranks there are."""
        return self.size

    # Arrays: started as a request each, and waited for in the same call.

    def Send(self, buf: Array, dest: int, tag: int = 0) -> None:
        """Send an array. Returns when ``buf`` may be written to again."""
        send = self._outgoing(buf, dest, tag)
        self._line.ask(Step((send,)))

    def Recv(
        self,
        buf: Array,
        source: int = ANY_SOURCE,
        tag: int = ANY_TAG,
        status: Status | None = None,
    ) -> None:
        """Receive an array into ``buf``."""
        place = as_bytes(buf)
        receive = self._incoming(source, tag)
        delivery = self._line.ask(Step((), (receive,)))[0]
        self._put(delivery, buf, place, status)

    def Isend(self, buf: Array, dest: int, tag: int = 0) -> EndpointRequest:
        """Start to send an array, and return at once."""
        send = self._outgoing(buf, dest, tag, self._line.number())
        self._line.ask(Step((send,), (), ()))
        return EndpointRequest(self._line, send.request, None)

    def Irecv(self, buf: Array, source: int = ANY_SOURCE, tag: int = ANY_TAG) -> EndpointRequest:
        """Say where an array is to go, and return at once."""
        place = as_bytes(buf)
        receive = self._incoming(source, tag, self._line.number())
        self._line.ask(Step((), (receive,), ()))
        return EndpointRequest(
            self._line, receive.request, lambda came, status: self._put(came, buf, place, status)
        )

    def Sendrecv(
        self,
        sendbuf: Array,
        dest: int,
        sendtag: int = 0,
        recvbuf: Array | None = None,
        source: int = ANY_SOURCE,
        recvtag: int = ANY_TAG,
        status: Status | None = None,
    ) -> None:
        """Send one array and receive another, both at the same time."""
        if recvbuf is None:
            raise TypeError("Sendrecv: expected an array to receive into, as recvbuf")
        place = as_bytes(recvbuf)
        send, receive = self._outgoing(sendbuf, dest, sendtag), self._incoming(source, recvtag)
        step = Step((send,), (receive,))
        self._put(self._line.ask(step)[1], recvbuf, place, status)

    # Objects: the same, pickled.

    def send(self, obj: Any, dest: int, tag: int = 0) -> None:
        """Send an object."""
        send = self._pickled(obj, dest, tag)
        self._line.ask(Step((send,)))

    def recv(
        self,
        buf: Any = None,
        source: int = ANY_SOURCE,
        tag: int = ANY_TAG,
        status: Status | None = None,
    ) -> Any:
        """Receive an object (``buf`` is mpi4py's, and not used)."""
        receive = self._incoming(source, tag)
        return self._load(self._line.ask(Step((), (receive,)))[0], status)

    def isend(self, obj: Any, dest: int, tag: int = 0) -> EndpointRequest:
        """Start to send an object."""
        send = self._pickled(obj, dest, tag, self._line.number())
        self._line.ask(Step((send,), (), ()))
        return EndpointRequest(self._line, send.request, None)

    def irecv(
        self, buf: Any = None, source: int = ANY_SOURCE, tag: int = ANY_TAG
    ) -> EndpointRequest:
        """Start to receive an object; ``wait`` returns it."""
        receive = self._incoming(source, tag, self._line.number())
        self._line.ask(Step((), (receive,), ()))
        return EndpointRequest(self._line, receive.request, self._load)

    def sendrecv(
        self,
        sendobj: Any,
        dest: int,
        sendtag: int = 0,
        recvbuf: Any = None,
        source: int = ANY_SOURCE,
        recvtag: int = ANY_TAG,
        status: Status | None = None,
    ) -> Any:
        """Send one object and return another, both at the same time."""
        send, receive = self._pickled(sendobj, dest, sendtag), self._incoming(source, recvtag)
        step = Step((send,), (receive,))
        return self._load(self._line.ask(step)[1], status)

    # What waits, and who is there.

    def Probe(
        self, source: int = ANY_SOURCE, tag: int = ANY_TAG, status: Status | None = None
    ) -> bool:
        """Wait until such a message can be received; it stays where it is."""
        return self._probe(source, tag, True, status)

    def Iprobe(
        self, source: int = ANY_SOURCE, tag: int = ANY_TAG, status: Status | None = None
    ) -> bool:
        """Whether such a message can be received now."""
        return self._probe(source, tag, False, status)

    def Barrier(self) -> None:
        """Return when every rank has called it: ⌈log2 size⌉ rounds of an empty message.

        In round k everybody tells the rank 2^k further on, so that after it each has heard, over
        others, of the 2^(k+1) - 1 before it (Hensgen, Finkel and Manber, 1988).
        """
        distance, nothing = 1, b""
        while distance < self.size:
            dest, source = (self.rank + distance) % self.size, (self.rank - distance) % self.size
            send = self._message(0, dest, BARRIER, OBJECT, nothing)
            receive = self._incoming(source, BARRIER)
            self._line.ask(Step((send,), (receive,)))
            distance *= 2

    def Split(self, color: int = 0, key: int = 0) -> Endpoint:
        """A communicator of the ranks that gave the same color, in the order of their keys."""
        self._splits += 1
        color, key = int(color), int(key)
        members = sorted((k, rank) for rank, (c, k) in self._tell_all((color, key)) if c == color)
        group = tuple(self._group[rank] for _, rank in members)
        rank = group.index(self._group[self.rank])
        return Endpoint(self._line, rank, group, f"{self._context}/{self._splits}.{color}")

    def Revoke(self) -> None:
        """End every call on this communicator, on every rank, with `Revoked`."""
        self._line.ask(Revoke(self._context))

    def Shrink(self) -> Endpoint:
        """A communicator of the ranks that live. Every one of them must call it."""
        self._splits += 1
        group = tuple(self._line.ask(Shrink(self._context, self._group)))
        rank = group.index(self._group[self.rank])
        return Endpoint(self._line, rank, group, f"{self._context}/{self._splits}.shrunk")

    def compute(self, seconds: float) -> None:
        """This much work is done here: the virtual clock goes on. No backend sleeps."""
        if not 0 <= seconds < math.inf:
            raise ValueError(f"compute: expected finite seconds >= 0, got {seconds}")
        self._line.ask(Compute(float(seconds)))

    def now(self) -> float:
        """Seconds on the cluster's clock, as it stood when this rank last called."""
        return self._line.clock

    def _tell_all(self, mine: Any) -> list[tuple[int, Any]]:
        """What every rank has told, as (rank, what): gathered by rank 0, which hands it out."""
        if self.rank:
            self.send(mine, 0, SPLIT)
            return list(self.recv(None, 0, SPLIT))
        told = [(0, mine), *((rank, self.recv(None, rank, SPLIT)) for rank in range(1, self.size))]
        for rank in range(1, self.size):
            self.send(told, rank, SPLIT)
        return told

    def _outgoing(self, buf: Array, dest: int, tag: int, request: int = 0) -> Outgoing:
        if not (isinstance(buf, np.ndarray) and buf.flags.c_contiguous):
            as_bytes(buf)  # which says what is wrong
        return self._message(request, dest, tag, kind_of(buf.dtype), buf.tobytes())

    def _pickled(self, obj: Any, dest: int, tag: int, request: int = 0) -> Outgoing:
        return self._message(request, dest, tag, OBJECT, pickle.dumps(obj, protocol=5))

    def _message(self, request: int, dest: int, tag: int, kind: str, payload: bytes) -> Outgoing:
        if not 0 <= dest < self.size:
            raise ValueError(f"dest: expected a rank from 0 to {self.size - 1}, got {dest}")
        if tag < 0 and type(tag) is not Own:
            raise ValueError(f"tag: expected a number >= 0, got {tag}")
        return Outgoing(request, self._context, self._group[dest], int(tag), kind, payload)

    def _incoming(self, source: int, tag: int, request: int = 0) -> Incoming:
        if tag < ANY_TAG and type(tag) is not Own:
            raise ValueError(f"tag: expected a number >= 0, or ANY_TAG, got {tag}")
        if 0 <= source < self.size:
            return Incoming(request, self._context, self._group[source], int(tag))
        if source != ANY_SOURCE:
            raise ValueError(
                f"source: expected a rank from 0 to {self.size - 1}, or ANY_SOURCE, got {source}"
            )
        return Incoming(request, self._context, ANY_SOURCE, int(tag))

    def _put(
        self, delivery: Delivery, buf: Array, place: memoryview, status: Status | None
    ) -> None:
        """Copy what has arrived into the array that waits for it."""
        nbytes = delivery.nbytes
        if delivery.kind != kind_of(buf.dtype) or nbytes > place.nbytes:
            raise Truncated(self._misfit(delivery, buf))
        place[:nbytes] = delivery.payload
        if status is not None:
            self._note(delivery, status)

    def _misfit(self, delivery: Delivery, buf: Array | None) -> str:
        wanted = "an object" if buf is None else f"at most {buf.size} × {buf.dtype}"
        came = f"a pickled object of {delivery.nbytes} bytes"
        if delivery.kind != OBJECT:
            dtype = np.dtype(delivery.kind)
            came = f"{delivery.nbytes // dtype.itemsize} × {dtype}"
        return (
            f"rank {self.rank} expected {wanted}, and rank "
            f"{self._group.index(delivery.source)} sent {came} (tag {delivery.tag}); "
            f"give both sides the same shape and dtype, or tags that tell them apart"
        )

    def _load(self, delivery: Delivery, status: Status | None) -> Any:
        if delivery.kind != OBJECT:
            raise Truncated(self._misfit(delivery, None))
        self._note(delivery, status)
        return pickle.loads(delivery.payload)

    def _note(self, delivery: Delivery, status: Status | None) -> None:
        if status is not None:
            status.source = self._group.index(delivery.source)
            status.tag, status.nbytes = delivery.tag, delivery.nbytes

    def _probe(self, source: int, tag: int, block: bool, status: Status | None) -> bool:
        wanted = self._incoming(source, tag)
        delivery = self._line.ask(Probe(wanted.context, wanted.source, wanted.tag, block))
        if delivery is not None:
            self._note(delivery, status)
        return delivery is not None
