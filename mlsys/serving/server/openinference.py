"""The Open Inference Protocol, version 2, over HTTP: what a body says, and what is answered.

A request is JSON: each input with its name, type, shape, and numbers. With the binary extension the
numbers follow the JSON as they lie in memory; for a million floats that is 4 MB in place of 20, and
no parsing. Nothing is made that the body does not pay for: sizes are checked against it first.
Source: the protocol as KServe and Triton document it (Open Inference Protocol, REST; binary tensor
data extension).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson

from mlsys.serving.server.errors import ProtocolError
from mlsys.serving.server.tensors import DTYPES, Array, Info, Spec

SERVER = "mlsys"
EXTENSIONS = ["binary_tensor_data"]
CONTROL = "model_repository"
LENGTH = 4  # bytes in front of each element of BYTES
MOST_AXES = 32
MOST_UNPAID = 2**16  # of an array without elements, the product of its other lengths


@dataclass(frozen=True)
class Wanted:
    """An output to be answered with. binary: behind the JSON."""

    name: str
    binary: bool


@dataclass(frozen=True)
class Inference:
    """A request: arrays by name, and how to answer it. id: "" if there is none."""

    inputs: dict[str, Array]
    wanted: tuple[Wanted, ...]
    id: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)


def server_metadata(version: str, control: bool = False) -> dict[str, Any]:
    """What ``GET /v2`` answers. control: whether models may be loaded and unloaded."""
    extensions = [*EXTENSIONS, CONTROL] if control else EXTENSIONS
    return {"name": SERVER, "version": version, "extensions": extensions}


def model_metadata(info: Info, versions: Sequence[str]) -> dict[str, Any]:
    """What ``GET /v2/models/NAME`` answers."""

    def described(spec: Spec) -> dict[str, Any]:
        return {"name": spec.name, "datatype": spec.datatype, "shape": [*info.full_shape(spec)]}

    return {
        "name": info.name,
        "versions": [*versions],
        "platform": info.platform,
        "inputs": [described(spec) for spec in info.inputs],
        "outputs": [described(spec) for spec in info.outputs],
    }


# ------------------------------------------------------------ requests


def parse(body: bytes, header_length: int | None, info: Info) -> Inference:
    """The request in a body. header_length: of its JSON, if binary data follow.

    Types and shapes are as the request says; `tensors.check_inputs` compares them with the model's.
    Raises `ProtocolError`.
    """
    text, binary = body, memoryview(b"")
    if header_length is not None:
        if not 0 <= header_length <= len(body):
            raise ProtocolError(
                f"the header Inference-Header-Content-Length says {header_length}, "
                f"and the body has {len(body)} bytes"
            )
        text, binary = body[:header_length], memoryview(body)[header_length:]
    request = json_object(text)
    inputs = request.get("inputs")
    if type(inputs) is not list or not inputs:
        raise ProtocolError('expected "inputs": a list of one tensor or more')
    found: dict[str, Array] = {}
    for described in inputs:
        name, array, binary = _input(described, binary)
        if name in found:
            raise ProtocolError(f"input {name!r} is there twice")
        found[name] = array
    if len(binary):
        raise ProtocolError(f"{len(binary)} bytes follow that belong to no input")
    parameters = _parameters(request)
    name = request.get("id", "")
    if type(name) is not str:
        raise ProtocolError('expected "id" to be a string')
    return Inference(found, _wanted(request, parameters, info), name, parameters)


def json_value(text: bytes) -> Any:
    """What a body says. Raises `ProtocolError`."""
    try:
        return orjson.loads(text)
    except ValueError as error:
        raise ProtocolError(f"the body is no JSON: {error}") from None


def json_object(text: bytes) -> dict[str, Any]:
    """What a body says that is to be an object. Raises `ProtocolError`."""
    said = json_value(text)
    if type(said) is not dict:
        raise ProtocolError(f"expected a JSON object, got {type(said).__name__}")
    return said


def _parameters(of: Mapping[str, Any]) -> dict[str, Any]:
    parameters = of.get("parameters", {})
    if type(parameters) is not dict:
        raise ProtocolError('expected "parameters" to be an object')
    return parameters


def _input(described: Any, binary: memoryview) -> tuple[str, Array, memoryview]:
    """An input, and what is left of the binary data after it."""
    if type(described) is not dict or type(described.get("name")) is not str:
        raise ProtocolError('expected each input to be an object with a "name"')
    name = described["name"]
    datatype, shape = described.get("datatype"), _shape(name, described.get("shape"))
    if type(datatype) is not str or datatype not in DTYPES:
        raise ProtocolError(f"input {name!r}: expected a type of {[*DTYPES]}, got {datatype!r}")
    size = _parameters(described).get("binary_data_size")
    if size is None:
        return name, _from_json(name, datatype, shape, described.get("data")), binary
    if type(size) is not int or not 0 <= size <= len(binary):
        raise ProtocolError(
            f"input {name!r}: it has binary_data_size {size!r}, and {len(binary)} bytes are left"
        )
    return name, _from_binary(name, datatype, shape, binary[:size]), binary[size:]


def _shape(name: str, shape: Any) -> tuple[int, ...]:
    if (
        type(shape) is not list
        or len(shape) > MOST_AXES
        or any(type(length) is not int or length < 0 for length in shape)
    ):
        raise ProtocolError(
            f"input {name!r}: expected a shape of at most {MOST_AXES} whole numbers >= 0"
        )
    return tuple(shape)


def _from_json(name: str, datatype: str, shape: tuple[int, ...], data: Any) -> Array:
    """Numbers as JSON has them, flat or nested."""
    if type(data) is not list:
        raise ProtocolError(f'input {name!r}: expected "data", a list')
    flat = _flat(name, data, len(shape))
    if len(flat) != math.prod(shape):
        raise ProtocolError(
            f"input {name!r}: shape {[*shape]} has {math.prod(shape)} elements, data {len(flat)}"
        )
    if datatype == "BYTES":
        if not all(type(each) is str for each in flat):
            raise ProtocolError(f"input {name!r}: expected strings for type BYTES")
        array = np.empty(len(flat), object)
        array[:] = [each.encode() for each in flat]
        return _shaped(name, array, shape)
    kinds = {bool} if datatype == "BOOL" else {int, float} if datatype[0] == "F" else {int}
    if not {*map(type, flat)} <= kinds:
        raise ProtocolError(f"input {name!r}: expected {elements_of(datatype)}")
    try:
        with np.errstate(over="ignore"):  # looked at below
            array = np.array(flat, DTYPES[datatype])
    except OverflowError:
        raise ProtocolError(f"input {name!r}: a number is too large for {datatype}") from None
    if datatype[0] == "F" and not np.isfinite(array).all():
        raise ProtocolError(f"input {name!r}: expected finite numbers that fit into {datatype}")
    return _shaped(name, array, shape)


def elements_of(datatype: str) -> str:
    """What JSON should have for a type, in words."""
    words = {"BOOL": "true or false for", "BYTES": "strings for"}
    return f"{words.get(datatype, 'numbers of')} type {datatype}"


def _shaped(name: str, array: Array, shape: tuple[int, ...]) -> Array:
    """An array without elements pays for no length, and a model may make room for its lengths."""
    if not array.size and math.prod(length or 1 for length in shape) > MOST_UNPAID:
        raise ProtocolError(
            f"input {name!r}: shape {[*shape]} has no elements; expected at most {MOST_UNPAID:,} "
            f"as the product of its other lengths"
        )
    return array.reshape(shape)


def _flat(name: str, data: list[Any], axes: int) -> list[Any]:
    """The elements of a nested list in order, without its nesting."""
    for _ in range(axes):
        if not data or type(data[0]) is not list:
            break
        if not all(type(each) is list for each in data):
            raise ProtocolError(f"input {name!r}: expected lists of equal depth as data")
        data = [element for each in data for element in each]
    return data


def _from_binary(name: str, datatype: str, shape: tuple[int, ...], raw: memoryview) -> Array:
    """Numbers as they lie in memory, little end first; not copied."""
    count, dtype = math.prod(shape), DTYPES[datatype]
    if datatype == "BYTES":
        return _shaped(name, _strings(name, count, raw), shape)
    if count * dtype.itemsize != len(raw):
        raise ProtocolError(
            f"input {name!r}: shape {[*shape]} of {datatype} takes {count * dtype.itemsize} bytes, "
            f"and binary_data_size is {len(raw)}"
        )
    return _shaped(name, np.frombuffer(raw, dtype), shape)


def _strings(name: str, count: int, raw: memoryview) -> Array:
    """Elements of BYTES: each has its length in front."""
    found, at = [], 0
    while at < len(raw):
        start = at + LENGTH
        at = start + int.from_bytes(raw[at:start], "little")
        if at > len(raw) or start > len(raw):
            raise ProtocolError(f"input {name!r}: an element reaches beyond its binary data")
        found.append(bytes(raw[start:at]))
    if len(found) != count:
        raise ProtocolError(f"input {name!r}: expected {count} elements, got {len(found)}")
    array = np.empty(count, object)
    array[:] = found
    return array


def _wanted(
    request: Mapping[str, Any], parameters: Mapping[str, Any], info: Info
) -> tuple[Wanted, ...]:
    """The outputs that are asked for; all of them, if none is named."""
    binary = _flag(parameters, "binary_data_output", False)
    names = [spec.name for spec in info.outputs]
    asked = request.get("outputs")
    if asked is None:
        return tuple(Wanted(name, binary) for name in names)
    if type(asked) is not list:
        raise ProtocolError('expected "outputs" to be a list')
    found: dict[str, Wanted] = {}
    for each in asked:
        name = each.get("name") if type(each) is dict else each
        if name not in names:
            raise ProtocolError(f"model {info.name!r} has the outputs {names}, not {name!r}")
        if name in found:  # an answer would be as long as its question says it often
            raise ProtocolError(f"output {name!r} is asked for twice")
        found[name] = Wanted(name, _flag(_parameters(each), "binary_data", binary))
    return tuple(found.values())


def _flag(parameters: Mapping[str, Any], name: str, otherwise: bool) -> bool:
    flag = parameters.get(name, otherwise)
    if type(flag) is not bool:
        raise ProtocolError(f"parameter {name!r}: expected true or false, got {flag!r}")
    return flag


# ------------------------------------------------------------ answers


def answer(
    info: Info, inference: Inference, outputs: Mapping[str, Array]
) -> tuple[bytes, int | None]:
    """The body, and the length of its JSON if binary data follow."""
    described, parts = [], []
    for wanted in inference.wanted:
        array = outputs[wanted.name]
        spec = next(spec for spec in info.outputs if spec.name == wanted.name)
        entry: dict[str, Any] = {
            "name": wanted.name,
            "datatype": spec.datatype,
            "shape": [*array.shape],
        }
        if wanted.binary:
            parts.append(_raw(array))
            entry["parameters"] = {"binary_data_size": len(parts[-1])}
        else:
            entry["data"] = _plain(array)
        described.append(entry)
    said = {"model_name": info.name, "model_version": info.version, "outputs": described}
    if inference.id:
        said["id"] = inference.id
    text = orjson.dumps(said, option=orjson.OPT_SERIALIZE_NUMPY)
    if not parts:
        return text, None
    return b"".join([text, *parts]), len(text)


def _raw(array: Array) -> bytes:
    if array.dtype == object:
        elements = [bytes(each) for each in array.ravel()]
        return b"".join(len(each).to_bytes(LENGTH, "little") + each for each in elements)
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def _plain(array: Array) -> Array | list[str]:
    """Flat, as JSON has it; numbers are written from the array."""
    if array.dtype == object:
        return [each.decode("utf-8", "replace") for each in array.ravel()]
    return np.ascontiguousarray(array).ravel()
