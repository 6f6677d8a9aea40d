"""What the tests of collectives share: inputs, and one way to run a collective on every rank."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mlsys.distributed.cluster import Run, SimulatedCluster, Topology, flat

Array = NDArray[Any]


class Ranks:
    """Every rank has an array of its own and calls one collective on it."""

    alpha, beta = 1e-3, 1e-6

    def inputs(self, ranks: int, n: int, seed: int = 0, dtype: str = "f8") -> list[Array]:
        """Whole numbers small enough that every order of adding them is exact in float16."""
        rng = np.random.default_rng(seed)
        return [rng.integers(-9, 10, n).astype(dtype) for _ in range(ranks)]

    def run(
        self,
        collective: Callable[..., None],
        inputs: Sequence[Array],
        *arguments: Any,
        topology: Topology | None = None,
        late: Sequence[float] | None = None,
        **options: Any,
    ) -> Run:
        """``values[r]`` is rank r's array afterwards. late: seconds of work of each rank before."""

        def program(comm: Any) -> Array:
            array = inputs[comm.rank].copy()
            if late is not None:
                comm.compute(late[comm.rank])
            collective(comm, array, *arguments)
            return array

        topology = topology or flat(len(inputs), self.alpha, self.beta)
        return SimulatedCluster(topology, **options).run(program)

    def seconds(self, collective: Callable[..., None], ranks: int, n: int, **options: Any) -> float:
        """How long the collective takes on arrays of n float64."""
        return self.run(collective, self.inputs(ranks, n), **options).seconds


@pytest.fixture(scope="session")
def ranks() -> Ranks:
    return Ranks()
