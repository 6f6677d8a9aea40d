"""The loop: batch, loss, gradient, step, and from time to time a checkpoint.

    cursor ─ batch ─┬─ part ─ loss ─ backward ─┐
                    ├─ part ─ loss ─ backward ─┼─ sum ─ unscale ─ clip ─ optimiser ─ record
                    └─ part ─ loss ─ backward ─┘

A step is a function of the run's state and of nothing else: no clock, no generator that is shared
with others. So a run that was killed and goes on from a checkpoint ends at the same parameters, to
the last bit. Cutting a batch into k parts holds one k-th of the activations, for the same gradient.
Source: Goyal et al., 2017, section 3, on mistakes that loops of this kind make in silence.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from mlsys.foundations.autodiff import Tensor
from mlsys.foundations.autodiff.graph import Array
from mlsys.foundations.training import checkpoint
from mlsys.foundations.training.clipping import clip
from mlsys.foundations.training.run import History, Run
from mlsys.foundations.training.schedules import Schedule

Track: TypeAlias = Callable[[range], Iterable[int]]  # runs through steps, and may show how far


class Diverged(RuntimeError):
    """The loss, its gradient or a parameter is no longer a finite number."""


@dataclass
class Trainer(Run):
    """A run that takes its own steps.

    loss: from the model and a batch of indices to the mean loss of these examples.
    schedule: sets ``optimizer.lr`` before each step. clip_at: the longest gradient allowed.
    accumulate: into how many parts each batch is cut; their gradients are added up.
    arithmetic: makes a context in which forward and backward run (see ``precision``).
    evaluate: from the model, in evaluation mode, to a number; asked every ``evaluate_every`` steps.
    folder, save_every, keep: where checkpoints go, how often, and how many are kept.
    """

    _: KW_ONLY
    loss: Callable[[Any, Array], Tensor]
    schedule: Schedule | None = None
    clip_at: float = math.inf
    accumulate: int = 1
    arithmetic: Callable[[], AbstractContextManager[None]] = nullcontext
    evaluate: Callable[[Any], float] | None = None
    evaluate_every: int = 100
    folder: Path | None = None
    save_every: int = 100
    keep: int = 3
    saved: Path | None = field(default=None, init=False)  # the last checkpoint

    def train(self, steps: int, track: Track = iter) -> History:
        """Go on until ``steps`` steps are taken in all.

        Raises Diverged where a number is no longer finite, and saves nothing of that.
        """
        self.model.train()
        for _ in track(range(self.steps, steps)):
            self.step()
            last = self.steps == steps
            if self.evaluate and (last or self.steps % self.evaluate_every == 0):
                self.history.evaluations.append((self.steps, self.measure()))
            if self.folder and (last or self.steps % self.save_every == 0):
                self.save()
        return self.history

    def step(self) -> float:
        """One update from one batch; returns the batch's loss before it."""
        if self.schedule:
            self.optimizer.lr = self.schedule(self.steps)
        self.optimizer.zero_grad()
        loss = self.accumulated(next(self.cursor))
        norm = clip(self._unscaled(), self.clip_at)
        if self._is_finite(loss, norm):
            self.optimizer.step()
        self.steps += 1
        self.history.loss.append(loss)
        self.history.norm.append(norm)
        return loss

    def accumulated(self, batch: Array) -> float:
        """Leave in each parameter the gradient of the batch's mean loss, times the loss scale.

        A mean over the batch is the mean over its parts, each weighted by its share of the batch.
        """
        total, scale = 0.0, self.scaler.scale if self.scaler else 1.0
        for part in np.array_split(batch, min(self.accumulate, len(batch))):
            share = len(part) / len(batch)
            with self.arithmetic():
                loss = self.loss(self.model, part)
                loss.backward(share * scale)
            total += share * loss.item()
        return total

    def measure(self) -> float:
        """``evaluate``, with the model in evaluation mode meanwhile."""
        assert self.evaluate is not None
        self.model.eval()
        try:
            return float(self.evaluate(self.model))
        finally:
            self.model.train()

    def save(self) -> Path:
        """Write a checkpoint. Raises Diverged rather than save a parameter that is not finite."""
        folder = self._folder()
        for name, p in self.model.named_parameters():
            if not np.isfinite(p.data).all():
                raise self._diverged(f"parameter {name} is not finite")
        self.saved = checkpoint.write(folder, self.checkpoint(), self.keep)
        return self.saved

    def resume(self, warn: Callable[[str], None] = warnings.warn) -> int:
        """Go to the newest whole checkpoint in the folder, if it has one; returns the steps taken.

        Raises CheckpointError if all of them are damaged, or if it is of another run.
        """
        folder = self._folder()
        checkpoint.clean(folder)
        if found := checkpoint.latest(folder, warn):
            self.saved, state = found
            self.restore(state)
        return self.steps

    def _folder(self) -> Path:
        if self.folder is None:
            raise ValueError("this run has nowhere to put checkpoints; give Trainer(folder=...)")
        return self.folder

    def _unscaled(self) -> list[Array]:
        """The gradients there are, divided in place by the scale of the loss."""
        gradients = [p.grad for p in self.optimizer.parameters if p.grad is not None]
        if self.scaler:
            for g in gradients:
                g /= self.scaler.scale
        return gradients

    def _is_finite(self, loss: float, norm: float) -> bool:
        """Whether to take the step. An overflow costs a step where a scaler looks for it."""
        if not math.isfinite(loss):
            raise self._diverged(f"the loss is {loss}")
        if self.scaler:
            return self.scaler.update(not math.isfinite(norm))
        if not math.isfinite(norm):
            raise self._diverged(f"the gradient's norm is {norm}, at a loss of {loss:.4g}")
        return True

    def _diverged(self, what: str) -> Diverged:
        before = f", and the loss before it {self.history.loss[-1]:.4g}" if self.steps else ""
        good = f"the last good checkpoint is {self.saved}" if self.saved else "nothing was saved"
        return Diverged(
            f"step {self.steps + 1}: {what}; the step size was {self.optimizer.lr:.3g}{before}; "
            f"{good}. Try a smaller step size, a warm-up or clipping; look for inf and nan in the "
            f"data"
        )
