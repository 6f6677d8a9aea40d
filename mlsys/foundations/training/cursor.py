"""Cursors: which examples come next, so that a stopped run can go on where it was.

Shuffling with a generator that the whole program shares makes the order depend on all that drew
before. Here the order of an epoch is a function of (seed, epoch) alone, so that the place in the
data is two whole numbers, the epoch and the position within it, whatever the size of the data.
Drawing the order again costs one permutation an epoch.
Source: Bottou, "Curiously fast convergence of some stochastic gradient descent algorithms", 2009
(why to shuffle, and not to draw with replacement).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mlsys.foundations.autodiff.graph import Array


class BatchCursor:
    """Batches of the indices 0 ... examples - 1, without end; each index once in each epoch.

    drop_last: leave out the last batch of an epoch if it is smaller than the others.
    epoch, position: where the next batch begins; position counts examples, not batches.

    >>> cursor = BatchCursor(5, batch=2, seed=0)
    >>> epoch = [next(cursor) for _ in range(3)]
    >>> sorted(np.concatenate(epoch).tolist()), cursor.epoch, cursor.position
    ([0, 1, 2, 3, 4], 1, 0)
    """

    def __init__(self, examples: int, batch: int, seed: int, drop_last: bool = False) -> None:
        smallest = batch if drop_last else 1
        if batch < 1 or examples < smallest:
            raise ValueError(
                f"no batch of {batch} can be made of {examples} examples; "
                f"give a batch of at least 1 and at least {smallest} examples"
            )
        self.examples, self.batch, self.seed, self.drop_last = examples, batch, seed, drop_last
        self.epoch, self.position = 0, 0
        self._order, self._order_of = np.empty(0, np.int64), -1  # of which epoch it is

    def order(self, epoch: int) -> Array:
        """The permutation of all indices in an epoch: (examples,) int64."""
        return np.random.default_rng([self.seed, epoch]).permutation(self.examples)

    def __iter__(self) -> Iterator[Array]:
        return self

    def __next__(self) -> Array:
        """The next batch: (batch,) int64, fewer at the end of an epoch."""
        if self._order_of != self.epoch:
            self._order, self._order_of = self.order(self.epoch), self.epoch
        chosen = self._order[self.position : self.position + self.batch]
        self.position += len(chosen)
        left = self.examples - self.position
        if left < (self.batch if self.drop_last else 1):
            self.epoch, self.position = self.epoch + 1, 0
        return chosen

    def state_dict(self) -> dict[str, int]:
        """The place in the data, and what makes it one: enough to know that it is the same data."""
        return {
            "epoch": self.epoch,
            "position": self.position,
            "examples": self.examples,
            "seed": self.seed,
        }

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go to a saved place. Raises ValueError if it is one in other data or another order."""
        for name in ("examples", "seed"):
            if state[name] != getattr(self, name):
                raise ValueError(
                    f"the saved place belongs to an order with {name}={state[name]}, this cursor "
                    f"has {name}={getattr(self, name)}; make the cursor as it was, or start anew"
                )
        self.epoch, self.position = state["epoch"], state["position"]


class WindowCursor(BatchCursor):
    """Batches of places in a text where windows start; an epoch passes over the text once.

    Windows lie side by side and come in random order. The first starts at an offset that is drawn
    anew for each epoch, so that the edges move; less than two windows of text are left out at the
    ends. Each window has a token behind it, the last one to predict.

    >>> cursor = WindowCursor(tokens=100, window=10, batch=3, seed=0)
    >>> bool((next(cursor) <= 100 - 10 - 1).all())
    True
    """

    def __init__(self, tokens: int, window: int, batch: int, seed: int) -> None:
        if tokens < 2 * window:
            raise ValueError(
                f"a text of {tokens} tokens is too short for windows of {window} at a random "
                f"offset; it needs {2 * window}: take smaller windows"
            )
        super().__init__(tokens // window - 1, batch, seed)
        self.tokens, self.window = tokens, window

    def order(self, epoch: int) -> Array:
        """Where the windows of an epoch start, in random order: (windows,) int64."""
        offset = np.random.default_rng([self.seed, epoch, 1]).integers(self.window)
        return offset + self.window * super().order(epoch)
