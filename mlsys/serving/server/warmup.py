"""A model is asked once before anybody may ask it.

The first answer of a model takes longer than all others, for memory is first touched, kernels are
chosen or compiled, and files are read with it. And it is the first that shows whether the model
gives what it has announced. Both had better not happen to a user.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import numpy as np

from mlsys.serving.server.models import ModelError
from mlsys.serving.server.tensors import Array, Info

Arrays = dict[str, Array]
Run = Callable[[Sequence[Arrays]], Awaitable[Sequence[Arrays | BaseException]]]


def example(info: Info) -> Arrays:
    """Something to ask: zeros (empty strings for BYTES), one row, and one for any length.

    >>> from mlsys.serving.server.tensors import Spec
    >>> example(Info("m", "1", "python", (Spec("x", "FP32", (-1, 3)),), ()))["x"].shape
    (1, 1, 3)
    """
    found = {}
    for spec in info.inputs:
        shape = tuple(1 if size == -1 else size for size in info.full_shape(spec))
        nothing = b"" if spec.datatype == "BYTES" else 0
        found[spec.name] = np.full(shape, nothing, spec.dtype)
    return found


async def warm(run: Run, info: Info, workers: int) -> None:
    """Ask each of the idle workers behind ``run`` once. Raises `ModelError` that says what failed.

    They are asked at the same time, so that none is asked twice.
    """
    answers = await asyncio.gather(*(run([example(info)]) for _ in range(workers)))
    for (answer,) in answers:
        if isinstance(answer, BaseException):
            raise ModelError(
                f"model {info.name!r} was asked once with zeros, to warm it up, and failed: "
                f"{answer}. If it need not answer zeros, leave it out with --no-warm-up"
            )
