"""A model is asked once before anybody may ask it.

The first answer of a model takes longer than all others, for memory is first touched, kernels are
chosen or compiled, and files are read with it. And it is the first that shows whether the model
gives what it has announced. Both had better not happen to a user.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import numpy as np

from mlsys.serving.server.models import ModelError
from mlsys.serving.server.tensors import Array, Info, check_outputs

Arrays = dict[str, Array]
Ask = Callable[[Sequence[Arrays]], Awaitable[Arrays]]


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


async def warm(ask: Ask, info: Info) -> None:
    """Ask a worker once. Raises `ModelError` that says what failed."""
    try:
        check_outputs(info, await ask([example(info)]), 1)
    except Exception as error:
        raise ModelError(
            f"model {info.name!r} was asked once with zeros, to warm it up, and failed: "
            f"{str(error) or 'its process has ended'}. If it need not answer zeros, leave it out "
            f"with --no-warm-up"
        ) from None
