"""SGD on least squares: threads of ours with and without locks, and scikit-learn's one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from race import Array, Entry

from mlsys.distributed.hogwild import LeastSquares, plant
from mlsys.distributed.hogwild.threads import How, train

RATE = 0.1


@dataclass(frozen=True)
class Passes:
    """Examples, and how often all of them are taken, one after the other as they lie."""

    problem: LeastSquares
    epochs: int

    @classmethod
    def draw(
        cls, rng: np.random.Generator, count: int, size: int, nonzeros: int, epochs: int
    ) -> Passes:
        """Planted examples."""
        return cls(plant(count, size, nonzeros, rng), epochs)

    def losses(self, weights: Array) -> dict[str, Array]:
        """The loss before and after: what two races have in common."""
        before = self.problem.loss(np.zeros(self.problem.size))
        return {"before": np.array(before), "after": np.array([before, self.problem.loss(weights)])}


class Threads:
    """So many of our threads, sharing in this way."""

    def __init__(self, threads: int, how: How) -> None:
        from numba import __version__

        self.threads, self.how, self.version = threads, how, f"numba {__version__}"

    def steps(self, passes: Passes) -> Entry:
        """All steps, from zeros; each thread has examples of its own."""
        parts = np.array_split(np.arange(len(passes.problem)), self.threads)
        order = np.concatenate([np.tile(part, passes.epochs) for part in parts])

        def work() -> Array:
            return train(passes.problem, order, RATE, self.threads, self.how)[0]

        def results() -> dict[str, Array]:
            losses = passes.losses(work())
            return losses if self.how != "apart" else {"before": losses["before"]}

        return Entry(work, results)


class ScikitLearn:
    """SGDRegressor with the same steps: a constant rate, no penalty, no intercept, in order."""

    def __init__(self) -> None:
        from sklearn import __version__

        self.version = str(__version__)

    def steps(self, passes: Passes) -> Entry:
        """The same rows; keys of 32 bits, which it wants."""
        from scipy.sparse import csr_matrix
        from sklearn.linear_model import SGDRegressor

        problem = passes.problem
        shape = len(problem), problem.size
        x: Any = csr_matrix((problem.values, problem.keys, problem.starts), shape=shape)
        x.indices, x.indptr = x.indices.astype(np.int32), x.indptr.astype(np.int32)
        settings = {"penalty": None, "learning_rate": "constant", "eta0": RATE, "tol": None}
        model = SGDRegressor(fit_intercept=False, shuffle=False, max_iter=passes.epochs, **settings)

        def work() -> Array:
            return np.asarray(model.fit(x, problem.targets, coef_init=np.zeros(problem.size)).coef_)

        return Entry(work, lambda: passes.losses(work()))
