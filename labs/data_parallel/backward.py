"""Backward passes for a student's ranks: what they give, when, and what exchanging it may cost."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from autograder import Wrong, close, typed
from autograder.ranks import simulate
from mlsys.distributed.cluster.faults import NOTHING_WRONG, Faults
from mlsys.distributed.cluster.run import Run
from mlsys.distributed.cluster.topology import flat

Array = np.ndarray[Any, Any]
Item = tuple[float, int | None, Array | None]  # seconds of work, and what there is after them
ALPHA, BETA = 1e-3, 1e-6
SLACK = 1.02  # on every limit of time: asking whether a message is there takes some time, too


@dataclass(frozen=True)
class Pass:
    """A backward pass: for each rank its script. All ranks share shapes and buckets."""

    shapes: list[tuple[int, ...]]
    buckets: list[list[int]]
    scripts: list[list[Item]]
    faults: Faults = field(default_factory=lambda: NOTHING_WRONG)

    @property
    def ranks(self) -> int:
        return len(self.scripts)

    def sizes(self) -> list[int]:
        """Elements of each bucket."""
        return [sum(math.prod(self.shapes[t]) for t in bucket) for bucket in self.buckets]

    def means(self) -> list[Array]:
        """The mean gradient of each tensor."""
        sums = [np.zeros(shape) for shape in self.shapes]
        for script in self.scripts:
            for _, tensor, gradient in script:
                if tensor is not None:
                    sums[tensor] += gradient
        return [total / self.ranks for total in sums]

    def work(self, rank: int) -> float:
        """Seconds of the rank's own work."""
        seconds = math.fsum(item[0] for item in self.scripts[rank])
        return seconds / self.faults.speed.get(rank, 1.0)

    def full(self, rank: int) -> list[float]:
        """When each bucket is full on this rank, at the earliest."""
        clock, ready = 0.0, {}
        for seconds, tensor, _ in self.scripts[rank]:
            clock += seconds / self.faults.speed.get(rank, 1.0)
            ready[tensor] = clock
        end = self.work(rank)
        return [max(ready.get(tensor, end) for tensor in bucket) for bucket in self.buckets]

    def said(self) -> str:
        return f"{self.ranks} ranks, {len(self.shapes)} tensors, buckets {self.buckets}"


def even(rng: np.random.Generator, ranks: int, layers: int, per_bucket: int, looks: int,
         size: int, work: float) -> Pass:  # fmt: skip
    """Equal layers, the last one ready first; each works ``work`` seconds, with so many looks."""
    order = list(reversed(range(layers)))
    buckets = [order[k : k + per_bucket] for k in range(0, layers, per_bucket)]
    scripts = []
    for _ in range(ranks):
        script = list[Item]()
        for tensor in order:
            script += [(work / looks, None, None)] * (looks - 1)
            script.append((work / looks, tensor, rng.standard_normal(size)))
        scripts.append(script)
    return Pass([(size,)] * layers, buckets, scripts)


def uneven(rng: np.random.Generator, ranks: int, tensors: int) -> Pass:
    """Tensors of any shape; those of the last bucket are used by some ranks only, one by none."""
    shapes = [tuple(int(n) for n in rng.integers(1, 5, rng.integers(0, 4))) for _ in range(tensors)]
    order = rng.permutation(tensors).tolist()
    cuts = sorted(rng.choice(np.arange(1, tensors - 2), size=2, replace=False).tolist())
    buckets = [order[a:b] for a, b in zip([0, *cuts], [*cuts, tensors])]
    scripts = []
    for rank in range(ranks):
        unused = {order[-1], order[-2 - rank % 2]}
        script = list[Item]()
        for tensor in order:
            script.append((float(rng.uniform(0, 2)) * ALPHA, None, None))
            if tensor not in unused:
                gradient = rng.standard_normal(shapes[tensor])
                script.append((float(rng.uniform(0, 2)) * ALPHA, tensor, gradient))
        scripts.append(script)
    return Pass(shapes, buckets, scripts)


def opposite(case: Pass) -> Pass:
    """The same pass, but every other rank goes through it from behind."""
    scripts = [script[::-1] if rank % 2 else script for rank, script in enumerate(case.scripts)]
    return replace(case, scripts=scripts)


def run(student: Any, case: Pass, **settings: Any) -> Run:
    """The student's ranks go through it, and work for every gradient."""
    shapes = [list(shape) for shape in case.shapes]
    arguments = [(shapes, case.buckets, [list(item) for item in script]) for script in case.scripts]
    ran = simulate(
        student,
        "meanwhile",
        arguments,
        topology=flat(case.ranks, ALPHA, BETA),
        faults=case.faults,
        trace=True,
        **settings,
    )
    worked(case, ran)
    return ran


def worked(case: Pass, ran: Run) -> None:
    """Raise `Wrong` unless each rank has done all of its work."""
    assert ran.traffic
    for rank in range(case.ranks):
        did, due = float(ran.traffic.compute[rank]), case.work(rank)
        if not math.isclose(did, due, rel_tol=1e-9):
            raise Wrong(
                f"rank {rank} worked {did:.6f} s of the {due:.6f} s of its backward pass: go "
                f"through all of `backward`, once ({case.said()})"
            )


def same_means(case: Pass, ran: Run) -> None:
    """Raise `Wrong` unless all ranks return the means, and the same bits."""
    wanted = case.means()
    for rank, value in enumerate(ran.values):
        got = typed(value, list, f"what rank {rank} returns")
        if len(got) != len(wanted):
            raise Wrong(f"expected {len(wanted)} arrays on rank {rank}, got {len(got)}")
        for tensor, (mine, want) in enumerate(zip(got, wanted, strict=True)):
            what = f"the mean of tensor {tensor} on rank {rank} ({case.said()})"
            close(mine, want, rtol=1e-9, atol=1e-12, what=what)
            same_bits(mine, ran.values[0][tensor], f"tensor {tensor}", rank)


def same_bits(mine: Any, first: Any, what: str, rank: int) -> None:
    if np.asarray(mine).tobytes() != np.asarray(first).tobytes():
        raise Wrong(
            f"{what}: ranks 0 and {rank} hold almost the same numbers, but not the same bits; "
            f"weights that take such steps drift apart"
        )


def fair(case: Pass, ran: Run) -> None:
    """Raise `Wrong` if more was sent than one allreduce a bucket takes on a ring."""
    within(ran, case.ranks, case.sizes(), f"{len(case.buckets)} buckets of {case.sizes()} numbers")


def within(ran: Run, ranks: int, lengths: list[int], what: str) -> None:
    """Raise `Wrong` if allreduces of these lengths (float64) could have done with less."""
    assert ran.traffic
    sent, messages = int(ran.traffic.sent_bytes.sum()), int(ran.traffic.sent_messages.max())
    limit = 2 * (ranks - 1) * 8 * sum(lengths)
    if sent > limit:
        raise Wrong(f"{what}: {ranks} ranks may send {limit:,} bytes in all, they sent {sent:,}")
    each = sum(2 * (ranks - 1) * 8 * math.ceil(n / ranks) for n in lengths)
    most = int(ran.traffic.sent_bytes.max())
    if most > each:
        raise Wrong(f"{what}: a rank may send {each:,} bytes, one of {ranks} has sent {most:,}")
    count = 2 * (ranks - 1) * len(lengths)
    if messages > count:
        raise Wrong(f"{what}: a rank may send {count} messages, one of {ranks} has sent {messages}")


def round_trip(ranks: int, size: int, between: float) -> float:
    """Seconds of an allreduce of ``size`` numbers whose every round waits for the next look."""
    return 2 * (ranks - 1) * (ALPHA + 8 * BETA * math.ceil(size / ranks) + between)


def limit(case: Pass, looks: float) -> float:
    """Seconds that the pass may take: each bucket when it is full and the one before is through."""
    full = np.max([case.full(rank) for rank in range(case.ranks)], axis=0)
    end = 0.0
    for ready, size in zip(full, case.sizes(), strict=True):
        end = max(end, float(ready)) + round_trip(case.ranks, size, looks)
    return SLACK * end


def afterwards(case: Pass) -> float:
    """Seconds of a program that works first and exchanges all of it in the end."""
    work = max(case.work(rank) for rank in range(case.ranks))
    return work + sum(round_trip(case.ranks, size, 0) for size in case.sizes())


def in_time(case: Pass, ran: Run, looks: float) -> None:
    """Raise `Wrong` if it took too long, or if bytes left that nobody could have yet."""
    for rank in range(case.ranks):
        _none_too_early(case, ran, rank)
    most = limit(case, looks)
    if ran.seconds > most:
        raise Wrong(
            f"expected at most {1e3 * most:.1f} ms, got {1e3 * ran.seconds:.1f}; to work first and "
            f"send afterwards takes {1e3 * afterwards(case):.1f} ({case.said()})"
        )


def _none_too_early(case: Pass, ran: Run, rank: int) -> None:
    """Raise `Wrong` if the rank had sent more than its full buckets can have taken by then."""
    assert ran.trace
    full, each = case.full(rank), [2 * (case.ranks - 1) * 8 * math.ceil(n / case.ranks)
                                   for n in case.sizes()]  # fmt: skip
    spans = [span for span in ran.trace.spans if span.lane == f"rank {rank} sends"]
    sent = 0
    for span in sorted(spans, key=lambda span: span.start):
        sent += span.args["nbytes"]
        possible = sum(n for ready, n in zip(full, each) if ready <= span.start * (1 + 1e-9))
        if sent > possible and span.start < max(full):
            raise Wrong(
                f"rank {rank} had sent {sent} bytes at {1e3 * span.start:.3f} ms, when the buckets "
                f"that were full then take {possible} ({case.said()})"
            )
