"""A collective step by step, from a real run: tables that a small script turns into a stepper.

A cell returns ``stepper.Stepper(frames)``, and the page says in words what a reader sees, in a
container that the script reads and the reader does not::

    :::{container} stepper-words
    [Step by step]{.label} [Back]{.back} [Forward]{.forward}

    [Step {step} of {steps}: {moves}.]{.reduce} [Rank {source} sends chunk {chunk} to {dest}]{.move}
    :::

So all sentences can be translated with the page; what comes from here are numbers, and the names of
rows and columns. Without the script, and on paper, all steps are shown, one table each. The classes
that hold sentences are the kinds of frames, ``start``, ``reduce``, ``reduced``, ``gather`` and
``gathered``, and ``move`` for one message.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlsys.distributed.allreduce.ring import chunks
from mlsys.distributed.allreduce.tags import REDUCE_SCATTER
from mlsys.distributed.cluster import Communicator, SimulatedCluster, Topology

Cell = tuple[int, int]  # rank, chunk


@dataclass(frozen=True)
class Move:
    """A message: one chunk of the array, from one rank to another."""

    source: int
    dest: int
    chunk: int


@dataclass(frozen=True)
class Frame:
    """The arrays of all ranks after a step, and the messages that made them so."""

    kind: str
    values: list[list[int]]  # [rank][chunk]; decimal digit r says how often rank r is in the sum
    moves: list[Move]
    seconds: float  # on the virtual clock, from the start of the run
    sent: int  # bytes, by the busiest rank


class Watched:
    """A communicator that notes which chunk of an array leaves, and the array before it does."""

    def __init__(self, comm: Communicator, array: np.ndarray[Any, Any]) -> None:
        self._comm, self._array = comm, array
        self._parts = chunks(array.size, comm.size)
        self.moves: list[tuple[Move, int, int]] = []  # with tag and bytes
        self.states: list[list[int]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._comm, name)

    def Sendrecv(self, sent: np.ndarray[Any, Any], dest: int, tag: int, *rest: Any) -> None:
        self.note()
        offset = (sent.ctypes.data - self._array.ctypes.data) // self._array.itemsize
        chunk = [part.start for part in self._parts].index(offset)
        self.moves.append((Move(self._comm.rank, dest, chunk), tag, sent.nbytes))
        self._comm.Sendrecv(sent, dest, tag, *rest)

    def note(self) -> None:
        """Keep what each chunk of the array holds now, which is one number."""
        held = [np.unique(self._array[part]) for part in self._parts]
        self.states.append([int(only) for (only,) in held])


def record(collective: Callable[..., None], topology: Topology, n: int) -> list[Frame]:
    """Run a collective on n numbers per rank, and note all steps.

    Rank r begins with 10^r everywhere, so that each sum shows by its digits who is in it. The
    collective must send whole chunks with ``Sendrecv``, as the ring does.
    """

    def program(comm: Communicator) -> tuple[list[tuple[Move, int, int]], list[list[int]]]:
        array = np.full(n, 10**comm.rank, np.int64)
        watched = Watched(comm, array)
        collective(watched, array)
        watched.note()
        return watched.moves, watched.states

    run = SimulatedCluster(topology, trace=True).run(program)
    moves, states = zip(*run.values, strict=True)
    assert run.trace is not None
    lanes = [[span.end for span in run.trace.spans if span.lane == f"rank {rank} sends"]
             for rank in range(topology.ranks)]  # fmt: skip
    frames = [Frame("start", [held[0] for held in states], [], 0.0, 0)]
    for step, kind in enumerate(_kinds([tag for _, tag, _ in moves[0]])):
        now = [of_rank[step] for of_rank in moves]
        values = [held[step + 1] for held in states]
        sent = frames[-1].sent + max(nbytes for _, _, nbytes in now)
        ended = max(ends[step] for ends in lanes)
        frames.append(Frame(kind, values, [move for move, _, _ in now], ended, sent))
    return frames


def _kinds(tags: Sequence[int]) -> list[str]:
    """What each step does; the last of a phase has a kind of its own."""
    phases = ["reduce" if tag == REDUCE_SCATTER else "gather" for tag in tags]
    ended = {"reduce": "reduced", "gather": "gathered"}
    return [
        phase if phase == following else ended[phase]
        for phase, following in zip(phases, [*phases[1:], ""], strict=True)
    ]


class Stepper:
    """Frames as HTML: what a notebook shows for the last value of a cell."""

    def __init__(self, frames: Sequence[Frame], rank: str = "rank", chunk: str = "chunk") -> None:
        self.frames, self.rank, self.chunk = frames, rank, chunk

    def _repr_html_(self) -> str:
        tables = "\n".join(self._table(step) for step in range(len(self.frames)))
        return f'<div class="stepper"><div class="stepper-frames">\n{tables}\n</div></div>'

    def _table(self, step: int) -> str:
        frame, ranks = self.frames[step], len(self.frames[0].values)
        moves = " ".join(f"{m.source},{m.dest},{m.chunk}" for m in frame.moves)
        facts = f'data-kind="{frame.kind}" data-moves="{moves}" data-time="{_time(frame.seconds)}"'
        heads = "".join(f'<th scope="col">{self._name(self.rank, r)}</th>' for r in range(ranks))
        rows = "\n".join(self._row(step, chunk) for chunk in range(len(frame.values[0])))
        return (
            f'<table class="stepper-frame" {facts} data-sent="{frame.sent:,}">\n'
            f"<caption>{step} / {len(self.frames) - 1} <small>{_time(frame.seconds)}</small>"
            f"</caption>\n<thead><tr><td></td>{heads}</tr></thead>\n"
            f"<tbody>\n{rows}\n</tbody></table>"
        )

    def _row(self, step: int, chunk: int) -> str:
        ranks = range(len(self.frames[step].values))
        cells = "".join(self._cell(step, rank, chunk) for rank in ranks)
        return f'<tr><th scope="row">{self._name(self.chunk, chunk)}</th>{cells}</tr>'

    def _cell(self, step: int, rank: int, chunk: int) -> str:
        frame = self.frames[step]
        width = len(frame.values)
        moves, value = frame.moves, frame.values[rank][chunk]
        classes = [
            name
            for name, holds in (
                ("sent", any((m.source, m.chunk) == (rank, chunk) for m in moves)),
                ("got", any((m.dest, m.chunk) == (rank, chunk) for m in moves)),
                ("whole", value == int("1" * width)),
            )
            if holds
        ]
        marked = f' class="{" ".join(classes)}"' if classes else ""
        return f'<td data-cell="{rank},{chunk}"{marked}>{value:0{width}d}</td>'

    def _name(self, of: str, number: int) -> str:
        return f"<span>{html.escape(of)}</span> {number}"


def _time(seconds: float) -> str:
    """A time of the virtual clock.

    >>> _time(0.000105), _time(0.0)
    ('105.0 µs', '0 µs')
    """
    return f"{seconds * 1e6:,.1f} µs" if seconds else "0 µs"
