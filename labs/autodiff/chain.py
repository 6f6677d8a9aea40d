"""A chain of steps that is run forward and backward as a plan says, and what doing so must cost."""

from __future__ import annotations

import itertools
import math
from functools import cache
from typing import Any

import numpy as np

from autograder import Wrong

from .graphs import TINY


@cache
def searched(length: int, slots: int) -> int:
    """The recurrence, by trying every first split: the state after j steps is stored next."""
    if slots == 1 or length == 1:
        return length * (length - 1) // 2
    splits = range(1, length)
    return min(j + searched(length - j, slots - 1) + searched(j, slots) for j in splits)


def closed_form(length: int, slots: int) -> int:
    """r l - C(s + r, s + 1), r the smallest number with C(s + r, s) >= l (Griewank & Walther)."""
    r = next(r for r in itertools.count() if math.comb(slots + r, slots) >= length)
    return r * length - math.comb(slots + r, slots + 1)


def is_enough(length: int, budget: int, slots: int) -> bool:
    return closed_form(length, slots) <= budget


ARGUMENTS = {"advance": 2, "store": 1, "restore": 1, "free": 1, "backward": 1}


class Machine:
    """A chain x_{i+1} = x_i + sin(a_i x_i) / 2, a hand, slots, and a gradient on its way back.

    What an action may do stands in the method of its name.
    """

    def __init__(self, length: int, slots: int, rng: np.random.Generator) -> None:
        self.a, self.start, self.seed = rng.uniform(-1, 1, length), rng.normal(), rng.normal()
        self.slots, self.stored = slots, dict[int, float]()
        self.at, self.x = 0, self.start  # in hand: the number of the state, and the state
        self.to_do, self.g = length, self.seed  # steps not yet run backward; gradient of x_{to_do}
        self.forward_steps, self.limit = 0, length * (length - 1) // 2

    def act(self, action: list[str | int]) -> None:
        name, *numbers = action or [""]
        if ARGUMENTS.get(str(name)) != len(numbers) or not all(type(n) is int for n in numbers):
            raise Wrong(f"an action is one of {', '.join(ARGUMENTS)}, with its numbers")
        getattr(self, str(name))(*numbers)

    def advance(self, i: int, j: int) -> None:
        self._in_hand(i)
        if not i < j <= len(self.a):
            raise Wrong(f"it should end between {i + 1} and the chain's end, {len(self.a)}")
        self.forward_steps += j - i
        if self.forward_steps > self.limit:
            raise Wrong(f"more than {self.limit} forward steps; one slot needs no more")
        for a in self.a[i:j]:
            self.x += math.sin(a * self.x) / 2
        self.at = j

    def store(self, i: int) -> None:
        self._in_hand(i)
        if i in self.stored or len(self.stored) == self.slots:
            why = f"x_{i} is in a slot already" if i in self.stored else "no slot is empty"
            raise Wrong(f"{why}: they hold {states(self.stored)}")
        self.stored[i] = self.x

    def restore(self, i: int) -> None:
        self._in_a_slot(i)
        self.at, self.x = i, self.stored[i]

    def free(self, i: int) -> None:
        self._in_a_slot(i)
        del self.stored[i]

    def backward(self, i: int) -> None:
        if i != self.to_do - 1:
            due = f"it is the turn of {self.to_do - 1}" if self.to_do else "all have been"
            raise Wrong(f"steps run backward once each, from the last to the first; {due}")
        self._in_hand(i)
        self.g *= 1 + self.a[i] * math.cos(self.a[i] * self.x) / 2
        self.to_do = i

    def expected(self) -> float:
        """The same gradient by a complex step through the whole chain."""
        x = complex(self.start, TINY)
        for a in self.a:
            x += complex(np.sin(a * x)) / 2
        return float(self.seed * x.imag / TINY)

    def _in_hand(self, i: int) -> None:
        if i != self.at:
            raise Wrong(f"x_{i} should be in hand, but x_{self.at} is")

    def _in_a_slot(self, i: int) -> None:
        if i not in self.stored:
            raise Wrong(f"x_{i} should be in a slot, but they hold {states(self.stored)}")


def states(stored: dict[int, float]) -> str:
    return ", ".join(f"x_{i}" for i in sorted(stored)) or "nothing"


def draw_chains(rng: np.random.Generator, count: int, longest: int, most: int) -> list[Any]:
    """Random lengths and numbers of slots."""
    drawn = rng.integers(1, (longest + 1, most + 1), (count, 2))
    return [(length, slots) for length, slots in drawn.tolist()]
