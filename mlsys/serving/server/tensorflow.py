"""The REST interface of TensorFlow Serving: ``:predict`` in rows or in columns.

Rows (``"instances"``) are what people write by hand: one entry for each request of the batch.
Columns (``"inputs"``) are shorter if there are many inputs. The answer has the form of the
question. JSON only; types are the model's, since the body does not say any.
Source: TensorFlow Serving's documentation of its RESTful API.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from mlsys.serving.server.errors import ProtocolError
from mlsys.serving.server.openinference import MOST_AXES, elements_of, json_value
from mlsys.serving.server.tensors import Array, Info, Spec

B64 = "b64"


@dataclass(frozen=True)
class Prediction:
    """A request: arrays by name, and whether it came in rows."""

    inputs: dict[str, Array]
    rows: bool


def parse(body: bytes, info: Info) -> Prediction:
    """The request in a body. Raises `ProtocolError`."""
    request = json_value(body)
    if type(request) is not dict or ("instances" in request) == ("inputs" in request):
        raise ProtocolError('expected an object with either "instances" or "inputs"')
    if "inputs" in request:
        columns = _by_name(info, request["inputs"], "inputs")
        return Prediction({s.name: _array(s, columns[s.name]) for s in info.inputs}, rows=False)
    if not info.batched:
        raise ProtocolError(f'model {info.name!r} has no batches: use "inputs"')
    instances = request["instances"]
    if type(instances) is not list or not instances:
        raise ProtocolError('expected "instances" to be a list of one entry or more')
    rows = [_by_name(info, each, "each instance") for each in instances]
    inputs = {spec.name: _array(spec, [row[spec.name] for row in rows]) for spec in info.inputs}
    return Prediction(inputs, rows=True)


def _by_name(info: Info, given: Any, what: str) -> dict[str, Any]:
    """The value of each input; one input need not be named."""
    names = {spec.name for spec in info.inputs}
    if type(given) is dict and given.keys() != {B64}:
        if given.keys() != names:
            raise ProtocolError(f"{what}: expected {sorted(names)}, got {sorted(given)}")
        return given
    if len(names) != 1:
        raise ProtocolError(f"{what}: expected an object with {sorted(names)}")
    return {names.pop(): given}


def _array(spec: Spec, value: Any) -> Array:
    """A nested list as an array of the tensor's type."""
    try:
        array = np.array(_decoded(value), dtype=object)
        kinds = {*map(type, array.ravel().tolist())}
        wanted = _kinds(spec.datatype)
        if list in kinds:
            raise ProtocolError(f"input {spec.name!r}: expected lists of equal length and depth")
        if not kinds <= wanted:
            raise ProtocolError(f"input {spec.name!r}: expected {elements_of(spec.datatype)}")
        with np.errstate(over="ignore"):
            typed = array if spec.datatype == "BYTES" else array.astype(spec.dtype)
    except OverflowError:
        raise _too_large(spec) from None
    except ValueError as error:
        raise ProtocolError(f"input {spec.name!r}: {error}") from None
    if typed.dtype.kind == "f" and not np.isfinite(typed).all():
        raise ProtocolError(f"input {spec.name!r}: expected finite numbers of {spec.datatype}")
    if typed.dtype.kind in "iu" and not (typed == array).all():
        raise _too_large(spec)
    return typed


def _too_large(spec: Spec) -> ProtocolError:
    return ProtocolError(f"input {spec.name!r}: a number is too large for {spec.datatype}")


def _kinds(datatype: str) -> set[type]:
    if datatype == "BYTES":
        return {bytes}
    return {bool} if datatype == "BOOL" else {int, float} if datatype[0] == "F" else {int}


def _decoded(value: Any, axes: int = MOST_AXES) -> Any:
    """Strings as bytes, and what is written in base 64. axes: that may still follow."""
    if type(value) is list:
        if not axes:
            raise ValueError(f"expected lists in lists at most {MOST_AXES} deep")
        return [_decoded(each, axes - 1) for each in value]
    if type(value) is str:
        return value.encode()
    if type(value) is dict and value.keys() == {B64} and type(value[B64]) is str:
        try:
            return base64.b64decode(value[B64], validate=True)
        except binascii.Error as error:
            raise ProtocolError(f"no base 64: {error}") from None
    return value


def answer(info: Info, prediction: Prediction, outputs: Mapping[str, Array]) -> bytes:
    """The body of the answer."""
    plain = {spec.name: _encoded(outputs[spec.name].tolist()) for spec in info.outputs}
    alone = plain[info.outputs[0].name] if len(plain) == 1 else None
    if not prediction.rows:
        return orjson.dumps({"outputs": plain if alone is None else alone})
    if alone is not None:
        return orjson.dumps({"predictions": alone})
    rows = [dict(zip(plain, row, strict=True)) for row in zip(*plain.values(), strict=True)]
    return orjson.dumps({"predictions": rows})


def _encoded(value: Any) -> Any:
    if type(value) is list:
        return [_encoded(each) for each in value]
    return {B64: base64.b64encode(value).decode()} if type(value) is bytes else value


def status(versions: Sequence[str], ready: bool) -> dict[str, Any]:
    """What ``GET /v1/models/NAME`` answers."""
    state = "AVAILABLE" if ready else "UNLOADING"
    fine = {"error_code": "OK", "error_message": ""}
    return {
        "model_version_status": [
            {"version": version, "state": state, "status": fine} for version in versions
        ]
    }
