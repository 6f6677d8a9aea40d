"""A model to try the server with: ``python -m mlsys.serving.server --model MODULE:digits``."""

from __future__ import annotations

from mlsys.foundations import datasets
from mlsys.serving.server.models import Function, of_estimator


def digits() -> Function:
    """Handwritten digits of 8 × 8 pixels, each from 0 to 1: ten probabilities. Fitted anew each
    time it is loaded, in half a second, as weights would be read from a file.
    """
    from sklearn.linear_model import LogisticRegression

    examples = datasets.digits()
    x = examples.x.reshape(len(examples), -1)
    return of_estimator(LogisticRegression(max_iter=200).fit(x, examples.y), name="digits")
