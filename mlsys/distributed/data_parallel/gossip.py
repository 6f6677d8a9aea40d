"""Gossip: average with two neighbours instead of with all, again and again.

Nobody waits for more than two messages, however many ranks there are, and no rank is special. But
one round only mixes: x becomes W x with W doubly stochastic, so the mean stays, and what deviates
from it shrinks to |λ2| of its size or less, where |λ2| is the second largest absolute eigenvalue of
W. On a ring of P ranks the gap 1 - |λ2| is about 4π²/(3P²): twice the ranks, four times the rounds.
A graph with a larger gap and few edges (a torus, an expander) mixes faster.
Source: Xiao and Boyd, "Fast linear iterations for distributed averaging", 2004; Lian et al., "Can
decentralized algorithms outperform centralized algorithms?", NeurIPS 2017.
"""

from __future__ import annotations

import numpy as np

from mlsys.distributed.cluster.communicator import Array, Communicator


def gossip(comm: Communicator, array: Array) -> None:
    """One round on a ring: replace an array by the mean of one's own and two neighbours', in place.

    Two messages of n bytes a rank, one after the other, at any number of ranks.
    """
    ranks, rank = comm.size, comm.rank
    right, left = (rank + 1) % ranks, (rank - 1) % ranks
    mixed, came = array.copy(), np.empty_like(array)
    for tag, (to, source) in enumerate([(right, left), (left, right)]):
        comm.Sendrecv(array, to, tag, came, source, tag)
        mixed += came
    np.divide(mixed, 3, out=array)


def ring_mixing(ranks: int) -> Array:
    """W of ``gossip``, (ranks, ranks): row r says what rank r's array becomes.

    >>> ring_mixing(4)[0].round(2)
    array([0.33, 0.33, 0.  , 0.33])
    """
    identity = np.eye(ranks)
    return np.asarray((identity + np.roll(identity, 1, 1) + np.roll(identity, -1, 1)) / 3)


def spectral_gap(mixing: Array) -> float:
    """1 - |λ2| of a symmetric mixing matrix: the share of disagreement that a round removes.

    0: never agree (two parts that do not talk). 1: agree at once (everybody with everybody).

    >>> round(spectral_gap(np.full((5, 5), 1 / 5)), 9), round(spectral_gap(np.eye(3)), 9)
    (1.0, 0.0)
    """
    sizes = np.sort(np.abs(np.linalg.eigvalsh(mixing)))
    return float(1 - sizes[-2])
