"""How much of the communication hides behind the computation, on the virtual clock.

    compute  ▕ layer 4 ▏ layer 3 ▏ layer 2 ▏ layer 1 ▏             t = forward and backward
    sends             ▕──4──▏  ▕──3──▏  ▕──2──▏  ▕─────1─────▏     hidden: while it computes

Models are reduced to what matters here: how many bytes each gradient has, and for how many seconds
the backward pass works before it is ready. Three ways to average them are played: one blocking ring
after the other for each gradient, the same for each bucket, and the reducer. At best a step lasts
as long as the longer of work and communication, and the first bucket and the last can never hide:
one has to be filled before it leaves, the other leaves when the work is over.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlsys.distributed.allreduce.ring import ring_allreduce
from mlsys.distributed.cluster.communicator import Communicator
from mlsys.distributed.data_parallel.buckets import CAP, Spec, assign_buckets
from mlsys.distributed.data_parallel.reducer import Reducer
from mlsys.foundations.measurement.trace import Trace, union


def blocking_step(
    comm: Communicator, sizes: Sequence[int], seconds: Sequence[float], cap: int = 0
) -> float:
    """A backward pass, then one ring allreduce a bucket; seconds of the step.

    sizes: float32 numbers of each gradient, first layer first. seconds: of work before each is
    ready. cap: bytes of a bucket; 0 sends each gradient on its own.
    """
    start = comm.now()
    comm.compute(sum(seconds))
    nbytes = [4 * size for size in sizes]
    for bucket in assign_buckets(nbytes, range(len(sizes) - 1, -1, -1), cap):
        ring_allreduce(comm, np.zeros(sum(sizes[tensor] for tensor in bucket), np.float32))
    return comm.now() - start


def overlapped_steps(
    comm: Communicator,
    sizes: Sequence[int],
    seconds: Sequence[float],
    cap: int = CAP,
    polls: int = 1,
    steps: int = 2,
) -> list[tuple[float, float]]:
    """Backward passes whose gradients leave as they become ready; start and end of each step.

    polls: how often the program looks after its messages while it works on one layer; a thread of
    its own would be the limit of many. The first step negotiates; the others are what counts.
    """
    gradients = [np.zeros(size, np.float32) for size in sizes]
    specs = [Spec(str(tensor), g.shape, g.dtype) for tensor, g in enumerate(gradients)]
    reducer = Reducer(comm, specs, cap)
    times = []
    for _ in range(steps):
        comm.Barrier()
        start = comm.now()
        for tensor in reversed(range(len(sizes))):
            for _ in range(polls):
                comm.compute(seconds[tensor] / polls)
                reducer.poll()
            reducer.ready(tensor, gradients[tensor])
        reducer.finish()
        times.append((start, comm.now()))
    return times


def hidden_fraction(trace: Trace, rank: int, start: float, end: float) -> float:
    """Of the time from start to end in which a rank sends, the part in which it computes too."""
    sends = _during(trace, f"rank {rank} sends", start, end)
    work = _during(trace, f"rank {rank}", start, end)
    alone = _length([*sends, *work]) - _length(work)
    sent = _length(sends)
    return max(0.0, sent - alone) / sent if sent else 0.0


def _during(trace: Trace, lane: str, start: float, end: float) -> list[tuple[float, float]]:
    """What a lane did within a time, cut at its ends."""
    return [
        (max(span.start, start), min(span.end, end))
        for span in trace.spans
        if span.lane == lane and span.start < end and span.end > start
    ]


def _length(intervals: Sequence[tuple[float, float]]) -> float:
    return sum(end - start for start, end in union(intervals))
