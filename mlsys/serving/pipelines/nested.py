"""Models for real digits, of which the larger begins where the smaller ends.

An image goes through random cosines, and a linear model reads those (Rahimi and Recht, 2007). The
first 60 cosines are enough for most digits, 400 for nearly all, and the 60 are among the 400: so a
cascade of such models is an early exit as soon as it keeps what it has computed. Many pipelines
that read the same cosines are what a server can share. Cost: w (64 + 10) multiplications for w.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mlsys.foundations.datasets import digits
from mlsys.serving.pipelines.cascades import Booleans, cascaded, choose, confidence, expected_cost
from mlsys.serving.pipelines.graph import Array, Integers
from mlsys.serving.pipelines.sharing import Operator, Step, Store, size
from mlsys.serving.server.experiments import probabilities, ridge

PIXELS, CLASSES = 64, 10


@dataclass(frozen=True)
class Judged:
    """Probabilities of each model for images it was not trained with: (models, n, classes)."""

    scores: Array
    labels: Integers

    @property
    def right(self) -> Booleans:
        """Which images each model has right, (models, n)."""
        return np.asarray(self.scores.argmax(axis=2) == self.labels)


def nested(widths: Sequence[int], seed: int = 0) -> tuple[Judged, Judged]:
    """A model for each number of cosines, trained on half of the digits.

    Judged on one quarter, with which a threshold can be chosen, and on another that nothing has
    been chosen with.
    """
    rng = np.random.default_rng(seed)
    train, rest = digits().split(0.5, rng)
    parts = rest.split(0.5, rng)
    directions, phases = cosines(max(widths), rng)
    x = flat(train.x)
    heads = [ridge(features(x, directions[:, :w], phases[:w]), train.y) for w in widths]
    validation, test = (
        Judged(
            np.array([
                probabilities(features(flat(part.x), directions[:, :w], phases[:w]) @ head)
                for w, head in zip(widths, heads)
            ]),
            part.y,
        )
        for part in parts
    )  # fmt: skip
    return validation, test


def flat(images: Array) -> Array:
    """(n, 8, 8) -> (n, 64), and 64-bit."""
    return images.reshape(len(images), -1).astype(np.float64)


def cosines(width: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Directions (64, width) and phases (width,)."""
    return rng.normal(0, 0.5, (PIXELS, width)), rng.uniform(0, 2 * np.pi, width)


def features(x: Array, directions: Array, phases: Array) -> Array:
    """(n, 64) -> (n, width)."""
    return np.asarray(np.cos(x @ directions + phases))


@dataclass(frozen=True)
class Exit:
    """A threshold chosen to be as good as the large model on validation data; and on the test.

    asked: the share of requests that the large model sees. Costs: multiplications a request, of
    the large model alone, of a cascade, and of an early exit.
    """

    threshold: float
    asked: float
    small: float
    large: float
    accuracy: float
    cost: tuple[float, float, float]


def early_exit(small: int = 60, large: int = 400, seed: int = 0) -> Exit:
    """Two nested models. small, large: their numbers of cosines."""
    validation, test = nested((small, large), seed)
    sure, right = confidence(validation.scores[0]), validation.right
    chosen = choose(sure, right[0], right[1], accuracy=float(right[1].mean()))
    labels, asked = cascaded(test.scores[0], test.scores[1], chosen.threshold)
    share = float(asked.mean())
    costs = [width * (PIXELS + CLASSES) for width in (small, large)]
    alone, both = test.right.mean(axis=1), (labels == test.labels).mean()
    cost = [
        costs[1],
        expected_cost(costs, [share]),
        expected_cost(costs, [share], common=small * PIXELS),
    ]
    return Exit(
        chosen.threshold,
        share,
        float(alone[0]),
        float(alone[1]),
        float(both),
        (cost[0], cost[1], cost[2]),
    )


OPERATORS: dict[str, Operator] = {
    "scale": lambda x, mean, deviation: (x - mean) / deviation,
    "cosines": features,
    "beside": lambda x, y: np.concatenate([x, y], axis=1),
    "linear": lambda x, weights: x @ weights,
}


def pipelines(count: int, versions: int, width: int = 200, seed: int = 0) -> Iterator[Step]:
    """What ``count`` teams deploy, each with arrays of its own in memory.

    All scale images alike and put cosines beside the pixels, of which ``versions`` are in use. Each
    has a linear model of its own, trained on its own third of the images.
    """
    rng = np.random.default_rng(seed)
    data = digits()
    x = flat(data.x)
    mean, deviation = x.mean(axis=0), x.std(axis=0) + 0.1
    scaled = (x - mean) / deviation
    made = [cosines(width, rng) for _ in range(versions)]
    inputs = [np.concatenate([scaled, features(scaled, *each)], axis=1) for each in made]
    for number in range(count):
        version = number % versions
        rows = rng.choice(len(x), len(x) // 3, replace=False)
        head = ridge(inputs[version][rows], data.y[rows])
        scale = Step("scale", (mean.copy(), deviation.copy()))
        wave = Step("cosines", tuple(array.copy() for array in made[version]), (scale,))
        yield Step("linear", (head,), (Step("beside", (), (scale, wave)),))


@dataclass(frozen=True)
class Shared:
    """Bytes of parameters, and steps for one image that goes to all pipelines: before and after."""

    nbytes: tuple[int, int]
    steps: tuple[int, int]


def shared(count: int = 100, versions: int = 4, width: int = 200) -> Shared:
    """What a server saves that sees what is inside."""
    deployed = list(pipelines(count, versions, width))
    image = flat(digits().x[:1])
    alone, together = Store(OPERATORS), Store(OPERATORS)
    for each in deployed:
        alone.answer([each], image)
    loaded = [together.load(each) for each in deployed]
    together.answer(loaded, image)
    return Shared((size(deployed), together.nbytes), (alone.computed, together.computed))
