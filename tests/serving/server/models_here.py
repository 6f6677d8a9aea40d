"""Models that misbehave on request, for tests of workers: the first number says how."""

import os
import signal
import time

import numpy as np

from mlsys.serving.server.models import Function
from mlsys.serving.server.tensors import Spec

DIES, HANGS, RAISES, SHORT, WRONG_TYPE, NAN, ONCE = 901, 902, 903, 904, 905, 906, 907


def answer(x):
    """Twice the input, unless a row begins with one of these."""
    first = {*x[:, 0].astype(int).tolist()}
    if DIES in first:
        os.kill(os.getpid(), signal.SIGKILL)
    if ONCE in first:  # dies, and the next one who is asked does not
        path = os.environ["MODELS_HERE"]
        if not os.path.exists(path):
            with open(path, "w"):
                pass
            os.kill(os.getpid(), signal.SIGKILL)
    if HANGS in first:
        time.sleep(60)
    if RAISES in first:
        raise ValueError("this row is not to my taste")
    y = 2 * x
    y[x[:, 0] == NAN, 1] = np.nan
    if SHORT in first:
        y = y[:-1]
    if WRONG_TYPE in first:
        y = y.astype(np.float64)
    return y


def double():
    return Function(answer, [Spec("x", "FP32", (3,))], [Spec("y", "FP32", (3,))], name="double")


def itself():
    """Its answer is what it was asked, not copied."""
    spec = [Spec("x", "FP32", (3,))]
    return Function(lambda x: x, spec, [Spec("y", "FP32", (3,))], name="itself")


def cold(x):
    """Does not know what to make of zeros."""
    if not x.any():
        raise ValueError("zeros")
    return 2 * x


cold = Function(cold, [Spec("x", "FP32", (3,))], [Spec("y", "FP32", (3,))], name="cold")


def broken():
    raise RuntimeError("no weights here")


number = 3
