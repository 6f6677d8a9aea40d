"""A run of the training chapter on many ranks: every rank reads the same plan, and takes its part.

    batch (from a cursor that is the same on all ranks)
    ├─ rank 0's part ─ loss ─ backward ─┐
    ├─ rank 1's part ─ loss ─ backward ─┼─ sum of share x gradient ─ clip ─ step, on every rank
    └─ rank 2's part ─ loss ─ backward ─┘

A mean over the batch is the mean over its parts, each weighted by its share of the examples: so
parts may be of different lengths, or empty at the end of an epoch. The losses of a step are added
up the same way. What is not equal to one machine: batch norm sees a part and not the batch, and
each rank draws its own dropout and its own moves of images. And on three ranks or more a run that
was stopped and goes on differs in the last bits: its first step is summed tensor by tensor.
Source: Goyal et al., "Accurate, large minibatch SGD", 2017, section 3 (on the same mistakes).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from mlsys.distributed.allreduce.doubling import doubling_allreduce
from mlsys.distributed.cluster.communicator import Communicator
from mlsys.distributed.data_parallel.broadcast import broadcast_arrays, broadcast_object
from mlsys.distributed.data_parallel.buckets import CAP
from mlsys.distributed.data_parallel.compression import Compressor
from mlsys.distributed.data_parallel.optimizer import DistributedOptimizer
from mlsys.foundations.autodiff.graph import Array
from mlsys.foundations.training import Trainer


@dataclass
class DistributedTrainer(Trainer):
    """A trainer that takes the steps of ``Trainer`` together with those on the other ranks.

    comm: of ranks whose trainers were built alike; rank 0's state is given to all at the start.
    cap, compression: see `Reducer`. ``accumulate`` cuts each rank's part, which sends once.
    """

    _: KW_ONLY
    comm: Communicator
    cap: int = CAP
    compression: Compressor | None = None
    distributed: DistributedOptimizer = field(init=False)

    def __post_init__(self) -> None:
        self._align()
        self.distributed = DistributedOptimizer(
            self.comm, self.optimizer, self.cap, average=False, compression=self.compression
        )

    def accumulated(self, batch: Array) -> float:
        """Leave in each parameter the gradient of the batch's mean loss; return that loss."""
        total = np.array([self._my_part(batch)])
        self.distributed.synchronize()
        doubling_allreduce(self.comm, total)
        return float(total[0])

    def measure(self) -> float:
        """``evaluate``, with rank 0's buffers everywhere: each has seen other examples."""
        broadcast_arrays(self.comm, [array for _, array in self.model.named_buffers()])
        return super().measure()

    def save(self) -> Path:
        """Rank 0 writes a checkpoint."""
        return self._folder() if self.comm.rank else super().save()

    def resume(self, warn: Callable[[str], None] = warnings.warn) -> int:
        """Go on, on all ranks, from the newest checkpoint that rank 0 finds."""
        if self.comm.rank == 0:
            super().resume(warn)
        self._align()
        return self.steps

    def _my_part(self, batch: Array) -> float:
        """Forward and backward on this rank's examples; returns their share of the batch's loss."""
        mine = np.array_split(batch, self.comm.size)[self.comm.rank]
        parts = np.array_split(mine, min(self.accumulate, len(mine))) if len(mine) else []
        total, scale = 0.0, self.scaler.scale if self.scaler else 1.0
        for part in parts:
            share = len(part) / len(batch)
            with self.arithmetic():
                loss = self.loss(self.model, part)
                self.distributed.backward(loss, share * scale, last=part is parts[-1])
            total += share * loss.item()
        return total

    def _align(self) -> None:
        """Rank 0's state on all ranks, but generators of which no two draw the same."""
        self.restore(broadcast_object(self.comm, self.checkpoint()))
        for rng in self._generators().values():
            source: Any = rng.bit_generator  # PCG64: 2^127 numbers lie between two ranks'
            source.state = source.jumped(self.comm.rank).state


def distributed(trainer: Trainer, comm: Communicator, **options: Any) -> DistributedTrainer:
    """The same run, taken together with the other ranks; ``options`` are `DistributedTrainer`'s."""
    settings = {f.name: getattr(trainer, f.name) for f in fields(trainer) if f.init}
    return DistributedTrainer(**settings, comm=comm, **options)
