"""Clipping: a gradient that is too long is shortened, and keeps its direction.

One norm for all parameters together. Clipping each on its own would turn the step, since some
parts of it would shrink and others not. Costs one pass over the gradients.
Source: Pascanu, Mikolov & Bengio, "On the difficulty of training recurrent neural networks",
ICML 2013.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mlsys.foundations.autodiff.graph import Array


def global_norm(gradients: Sequence[Array]) -> float:
    """The Euclidean norm of all arrays, as if they were one long vector.

    >>> global_norm([np.array([3.0]), np.array([[0.0, 4.0]])])
    5.0
    """
    return math.sqrt(sum(float(np.vdot(g, g)) for g in gradients))


def clip(gradients: Sequence[Array], limit: float) -> float:
    """Shorten the gradients in place so that their global norm is at most limit.

    Returns the norm before. One that is not finite is returned, and nothing changed: infinity has
    no direction to keep.

    >>> g = np.array([3.0, 4.0])
    >>> clip([g], 1.0), g
    (5.0, array([0.6, 0.8]))
    """
    norm = global_norm(gradients)
    if limit < norm < math.inf:
        for g in gradients:
            g *= limit / norm
    return norm
