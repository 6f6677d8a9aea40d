"""Which parts of a hundred pipelines are the same? Keep those once, and compute them once.

Teams copy pipelines: the same words, the same features, another last layer. To a server that sees
containers these are a hundred different things. One that sees inside (a white box: Pretzel, OSDI
2018) names parameters by a hash of their content, so that equal ones are the same one, and names a
step by what it does, with which parameters, to which inputs; what has the same name has the same
value for a request. Memory: the sum over distinct parameters. Work: the number of distinct steps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]
Operator = Callable[..., Values]  # (*inputs, *parameters) -> value


def content(array: Values) -> str:
    """A name for an array by dtype, shape and bytes: equal names, equal arrays.

    Collisions of SHA-256 aside. -0.0 and 0.0 are different bytes, so they are not merged.
    """
    digest = hashlib.sha256(f"{array.dtype.str} {array.shape} ".encode())
    digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Step:
    """An operator with its parameters, applied to what other steps give, or to the request.

    kind: the operator's name. It stands for one pure function everywhere.
    """

    kind: str
    parameters: tuple[Values, ...] = ()
    inputs: tuple[Step, ...] = ()  # none: the request itself

    @cached_property
    def name(self) -> str:
        """By content: equal for steps that give the same value for every request."""
        parts = [self.kind, *map(content, self.parameters), "of", *(i.name for i in self.inputs)]
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()


def steps(last: Step) -> list[Step]:
    """All that a pipeline consists of, inputs first, each once however often it is read."""
    found: dict[int, Step] = {}

    def visit(step: Step) -> None:
        for before in step.inputs:
            visit(before)
        found.setdefault(id(step), step)

    visit(last)
    return list(found.values())


def size(pipelines: Iterable[Step]) -> int:
    """Bytes of parameters, if every pipeline brings its own."""
    return sum(
        array.nbytes for last in pipelines for step in steps(last) for array in step.parameters
    )


@dataclass
class Store:
    """Pipelines whose equal parts are one. operators: what each kind of step computes."""

    operators: dict[str, Operator]
    kept: dict[str, Values] = field(default_factory=dict, init=False)
    _steps: dict[str, Step] = field(default_factory=dict, init=False)
    computed: int = field(default=0, init=False)  # steps, over all requests

    def load(self, last: Step) -> Step:
        """The same pipeline made of what is kept. Only what was not there yet is copied."""
        if last.kind not in self.operators:
            raise ValueError(f"step {last.kind!r}: expected one of {sorted(self.operators)}")
        if last.name not in self._steps:
            inputs = tuple(self.load(before) for before in last.inputs)
            self._steps[last.name] = Step(
                last.kind, tuple(map(self._keep, last.parameters)), inputs
            )
        return self._steps[last.name]

    def _keep(self, array: Values) -> Values:
        name = content(array)
        if name not in self.kept:
            self.kept[name] = array.copy()
            self.kept[name].setflags(write=False)  # it belongs to many
        return self.kept[name]

    @property
    def nbytes(self) -> int:
        """Of all parameters that are kept."""
        return sum(array.nbytes for array in self.kept.values())

    def answer(self, pipelines: Iterable[Step], request: Values) -> list[Values]:
        """What each loaded pipeline says. A step that several have in common is computed once."""
        values: dict[str, Values] = {}

        def value(step: Step) -> Values:
            if step.name not in values:
                inputs = [value(before) for before in step.inputs] or [request]
                values[step.name] = self.operators[step.kind](*inputs, *step.parameters)
                self.computed += 1
            return values[step.name]

        return [value(last) for last in pipelines]
