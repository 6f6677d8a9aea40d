"""What a model takes and gives: named arrays, of a type and a shape that are known beforehand.

A request is checked against it before it waits for anything, so that a mistake costs its sender an
error and nobody else a batch. Names of types are those of the Open Inference Protocol.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlsys.serving.server.errors import ModelFault, ProtocolError

Array = NDArray[Any]
DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype("?"),
    **{f"INT{bits}": np.dtype(f"<i{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": np.dtype(f"<u{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": np.dtype(f"<f{bits // 8}") for bits in (16, 32, 64)},
    "BYTES": np.dtype(object),  # each element is ``bytes``
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}


@dataclass(frozen=True)
class Spec:
    """A tensor of a model. shape: -1 for any length; without the batch if the model is batched."""

    name: str
    datatype: str
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.datatype not in DTYPES:
            raise ValueError(
                f"tensor {self.name!r}: expected a type of {sorted(DTYPES)}, got {self.datatype!r}"
            )
        if any(size < -1 for size in self.shape):
            raise ValueError(f"tensor {self.name!r}: expected lengths >= -1, got {self.shape}")

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the arrays."""
        return DTYPES[self.datatype]


@dataclass(frozen=True)
class Info:
    """All that is known of one version of a model without asking it.

    batched: its arrays have a first axis of requests, and several may share a call.
    """

    name: str
    version: str
    platform: str
    inputs: tuple[Spec, ...]
    outputs: tuple[Spec, ...]
    batched: bool = True

    def full_shape(self, spec: Spec) -> tuple[int, ...]:
        """The shape of a tensor, its batch included."""
        return (-1, *spec.shape) if self.batched else spec.shape


def check_inputs(info: Info, inputs: Mapping[str, Array]) -> int:
    """How many rows a request has (1 if the model is not batched).

    Raises `ProtocolError` that names the tensor, what was expected, and what came.
    """
    wanted = {spec.name: spec for spec in info.inputs}
    if strangers := inputs.keys() - wanted.keys():
        raise ProtocolError(f"{_inputs_of(info)}, and got {sorted(strangers)}")
    if missing := wanted.keys() - inputs.keys():
        raise ProtocolError(f"{_inputs_of(info)}, of which {sorted(missing)} are missing")
    for name, array in inputs.items():
        if reason := _unlike(info, wanted[name], array):
            raise ProtocolError(f"input {name!r} of model {info.name!r}: {reason}")
    return _rows(info, inputs)


def check_outputs(info: Info, outputs: Mapping[str, Array], rows: int) -> None:
    """Raises `ModelFault` if the model has not given what it has announced, for so many rows."""
    if outputs.keys() != {spec.name for spec in info.outputs}:
        names = [spec.name for spec in info.outputs]
        raise ModelFault(f"model {info.name!r} gave {sorted(outputs)}, not its outputs {names}")
    for spec in info.outputs:
        array = outputs[spec.name]
        reason = _unlike(info, spec, array)
        if not reason and info.batched and len(array) != rows:
            reason = f"expected {rows} rows, got {len(array)}"
        if not reason and array.dtype.kind == "f" and not np.isfinite(array).all():
            reason = "expected finite numbers, got NaN or infinity"
        if reason:
            raise ModelFault(f"output {spec.name!r} of model {info.name!r}: {reason}")


def _unlike(info: Info, spec: Spec, array: Array) -> str:
    """What is wrong with an array; "" if nothing is."""
    shape = info.full_shape(spec)
    if array.dtype != spec.dtype:
        came = NAMES.get(array.dtype, str(array.dtype))
        return f"expected type {spec.datatype}, got {came}"
    fits = len(shape) == array.ndim and all(
        want in (-1, got) for want, got in zip(shape, array.shape)
    )
    return "" if fits else f"expected shape {_shown(shape)}, got {_shown(array.shape)}"


def _rows(info: Info, inputs: Mapping[str, Array]) -> int:
    if not info.batched:
        return 1
    lengths = {name: len(array) for name, array in inputs.items()}
    if len({*lengths.values()}) != 1 or 0 in lengths.values():
        raise ProtocolError(
            f"inputs of model {info.name!r}: expected the same number of rows in each, and one "
            f"at least, got {lengths}"
        )
    return next(iter(lengths.values()))


def _inputs_of(info: Info) -> str:
    return f"model {info.name!r} has the inputs {[spec.name for spec in info.inputs]}"


def _shown(shape: Sequence[int]) -> str:
    return str([*shape])
