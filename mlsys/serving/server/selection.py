"""Which model is right, if nobody knows beforehand and it may change: bandits and ensembles.

All of it is one rule: a share for each model (or each expert), multiplied by exp(-rate × loss) when
a loss becomes known. If all losses become known, that is a weighted vote; if only that of the model
that was asked, dividing it by the probability of having asked makes it right on average, and the
rule is Exp3 (Auer, Cesa-Bianchi, Freund and Schapire, SIAM J. Comput. 32, 2002), here without their
share of uniform choices, which losses (rather than gains) do not need (Bubeck and Cesa-Bianchi,
2012, section 3.1). Clipper selects models with it (NSDI 2017, section 5).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Shares:
    """``count`` models; each loses exp(-rate × its loss) of its share, and the rest is rescaled.

    stir: the part of all shares that is divided evenly after each round. Zero forgets nothing: a
    model that was bad for long comes back only after as long. Above zero, none falls below
    stir / count (Herbster and Warmuth, 1998; Exp3.S in the paper of Exp3).
    """

    def __init__(self, count: int, rate: float, stir: float = 0.0) -> None:
        if count < 1 or not rate > 0 or not 0 <= stir < 1:
            raise ValueError(
                f"expected count >= 1, rate > 0 and stir in [0, 1), got {count}, {rate} and {stir}"
            )
        self.count, self.rate, self.stir = count, rate, stir
        self._logarithms = np.full(count, -math.log(count))

    @property
    def values(self) -> Floats:
        """The shares, which add up to 1; shape (count,)."""
        return np.asarray(np.exp(self._logarithms))

    def learn(self, losses: Floats) -> None:
        """The losses of one round, shape (count,). NaN: not known; that share stays as it is."""
        known = ~np.isnan(losses)
        if not known.any():
            return
        before = _log_sum(self._logarithms[known])
        changed = self._logarithms[known] - self.rate * losses[known]
        self._logarithms[known] = changed - _log_sum(changed) + before
        if self.stir:
            mixed = (1 - self.stir) * self.values + self.stir / self.count
            self._logarithms = np.log(mixed)


class Exp3:
    """One of ``arms`` is asked, and only its loss becomes known.

    rng: for the choices. Its mean loss over n rounds is above that of the best arm by no more than
    sqrt(2 arms ln(arms) / n), whatever the losses, with ``rate`` = `best_rate` and no stir.
    """

    def __init__(self, arms: int, rate: float, rng: np.random.Generator, stir: float = 0.0) -> None:
        self._bandit = Exp4(arms, rate, rng, stir)
        self._advice = np.eye(arms)  # each expert always names the same arm

    @property
    def shares(self) -> Floats:
        """The probability of each arm; shape (arms,)."""
        return self._bandit.shares

    def choose(self) -> int:
        """An arm to ask."""
        return self._bandit.choose(self._advice)

    def learn(self, loss: float) -> None:
        """What it cost, in [0, 1]; of the last choice."""
        self._bandit.learn(loss)


class Exp4:
    """Experts advise on each request, for example models, each with its probabilities of classes.

    Of the answers only the one that was given becomes known to be right or wrong: somebody clicks,
    or does not. Mean loss over n rounds above that of the best expert: at most
    sqrt(2 actions ln(experts) / n), with ``rate`` = `best_rate` of both, and no stir.
    """

    def __init__(
        self, experts: int, rate: float, rng: np.random.Generator, stir: float = 0.0
    ) -> None:
        self._shares, self._rng = Shares(experts, rate, stir), rng
        self._chosen: tuple[Floats, float] | None = None

    @property
    def shares(self) -> Floats:
        """How much each expert is listened to; shape (experts,)."""
        return self._shares.values

    def choose(self, advice: Floats) -> int:
        """An action. advice: of each expert a distribution over actions, (experts, actions)."""
        probability = self.shares @ advice
        ends = np.cumsum(probability)
        action = int(np.searchsorted(ends[:-1], self._rng.random() * ends[-1], side="right"))
        self._chosen = advice[:, action], float(probability[action])
        return action

    def learn(self, loss: float) -> None:
        """What it cost, in [0, 1]; of the last choice, which is learned from once.

        The loss of an expert is estimated as loss × (its probability of the action) / (ours): its
        mean is the loss that the expert would have had.
        """
        if self._chosen is None:
            raise ValueError("there is no choice to learn from: each is learned from once")
        if not 0 <= loss <= 1:
            raise ValueError(f"expected a loss in [0, 1], got {loss}")
        (advised, probability), self._chosen = self._chosen, None
        self._shares.learn(loss * advised / probability)


def best_rate(rounds: int, experts: int, actions: int | None = None) -> float:
    """The rate for which the bound is least: sqrt(2 ln(experts) / (rounds × actions)).

    actions: as many as experts if left out, as for Exp3.

    >>> round(best_rate(10_000, 5), 4)
    0.008
    """
    return math.sqrt(2 * math.log(experts) / (rounds * (actions or experts)))


def _log_sum(logarithms: Floats) -> float:
    """log of the sum of exp, of numbers that exp alone would take to zero."""
    top = float(logarithms.max())
    return top + math.log(float(np.exp(logarithms - top).sum()))
