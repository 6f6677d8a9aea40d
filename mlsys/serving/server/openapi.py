"""What may be asked here, for machines: the server's description in OpenAPI 3.1.

It is made from the catalogue when it is asked for, so it names the models that are there, and the
schema of a body has the names, types and shapes of their tensors. A description is a promise: a
body that fits it is answered. Rules that no schema can say stand beside it in words, such as that
numbers are as many as the shape says.
Source: OpenAPI Specification 3.1, whose schemas are those of JSON Schema, draft 2020-12.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from mlsys.serving.server.tensors import DTYPES, Info, Spec
from mlsys.serving.server.versions import Catalogue

Schema = dict[str, Any]
STRING: Schema = {"type": "string"}
BOOLEAN: Schema = {"type": "boolean"}
ERRORS = {
    400: "The request cannot be read, or does not fit the model; the error says what was expected.",
    401: "The header Authorization is missing, or has another token.",
    403: "The operator has not allowed it.",
    404: "There is no such model, version or page.",
    408: "The body did not come in time.",
    413: "The body is too large.",
    429: "Too many requests wait; the header Retry-After says for how many seconds not to ask.",
    500: "The model has failed.",
    503: "The server starts or stops, or has no worker.",
    504: "There was no answer by the deadline.",
}
FOR_GET = (401, 404, 503)
FOR_POST = tuple(ERRORS)
TENSORS = """Inputs in this order; others are taken too. Each has as many numbers as its shape says,
whole ones written without a point, flat or in lists as deep as the shape and all of one length. All
inputs have the same number of rows. No output is asked for twice."""
BINARY = """The object of application/json, in which a tensor has the parameter binary_data_size in
place of data, and after it the bytes of these tensors. The header Inference-Header-Content-Length
says where the object ends."""


def document(
    catalogue: Catalogue, version: str, secured: bool = False, control: bool = False
) -> dict[str, Any]:
    """All of it. secured: requests must bear a token. control: models may be loaded."""
    paths = dict(_paths_of_the_server())
    for name, versions in sorted(catalogue.models().items()):
        paths |= _paths(f"models/{name}", catalogue.endpoint(name).info)
        for each in versions:
            info = catalogue.endpoint(name, each).info
            paths |= _paths(f"models/{name}/versions/{each}", info)
    if control:
        paths |= _paths_of_control()
    return {
        "openapi": "3.1.0",
        "info": {"title": "Prediction server", "version": version},
        "paths": paths,
        "security": [{"token": []}] if secured else [],
        "components": {
            "schemas": {"Error": _object({"error": STRING})},
            "responses": {str(status): _refusal(status) for status in ERRORS},
            "parameters": _HEADERS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


# ------------------------------------------------------------ paths


def _paths_of_the_server() -> dict[str, Any]:
    health: dict[str, Any] = {"security": []}
    return {
        "/v2": {"get": _get("What this server is", {"type": "object"})},
        "/v2/health/live": {"get": _get("Alive", _object({"live": BOOLEAN})) | health},
        "/v2/health/ready": {"get": _get("Ready", _object({"ready": BOOLEAN})) | health},
        "/v2/openapi.json": {"get": _get("This description", {"type": "object"})},
        "/metrics": {"get": _get("Counters for Prometheus", STRING, "text/plain")},
        "/": {"get": _get("A page for people", STRING, "text/html")},
    }


def _paths(where: str, info: Info) -> dict[str, Any]:
    """Of one model, or one version of it."""
    infer = _post(f"Ask {info.name}", _request(info), _response(info), TENSORS)
    infer["parameters"] += [_to("parameters", "length")]
    octets: Schema = {"schema": {"description": BINARY}}
    for body in (infer["requestBody"], infer["responses"]["200"]):
        body["content"]["application/octet-stream"] = octets
    predict = _post(f"Ask {info.name} as TensorFlow Serving", *_rows_or_columns(info), TENSORS)
    about = {"get": _get(f"What {info.name} takes and gives", {"type": "object"})}
    found = {
        f"/v2/{where}": about,
        f"/v2/{where}/ready": {"get": _get("Ready", _object({"name": STRING, "ready": BOOLEAN}))},
        f"/v2/{where}/infer": {"post": infer},
        f"/v1/{where}:predict": {"post": predict},
    }
    if "/versions/" not in where:
        found[f"/v1/{where}"] = {"get": _get("Its versions", {"type": "object"})}
    return found


def _paths_of_control() -> dict[str, Any]:
    share: Schema = {"type": "number", "minimum": 0}
    shares: Schema = {"type": "object", "additionalProperties": share}
    load = _object({"model": STRING, "version": STRING, "beside": BOOLEAN}, required=[])
    unload = _object({"version": STRING, "unload_dependents": BOOLEAN}, required=[])
    shadow: Schema = {"type": ["string", "null"]}
    bodies = {
        "index": (_object({"ready": BOOLEAN}, required=[]), {"type": "array"}),
        "models/{name}/load": (_object({"parameters": load}, required=[]), {"type": "object"}),
        "models/{name}/unload": (_object({"parameters": unload}, required=[]), {"type": "object"}),
        "models/{name}/route": (
            _object({"shares": shares, "shadow": shadow}, required=[]),
            _object({"name": STRING, "shares": shares, "shadow": shadow}),
        ),
    }
    name = {"name": "name", "in": "path", "required": True, "schema": STRING}
    return {
        f"/v2/repository/{path}": {"parameters": [name] if "{name}" in path else []}
        | {"post": _post(path.rpartition("/")[2], *both) | {"security": [{"token": []}]}}
        for path, both in bodies.items()
    }


_HEADERS = {
    name: {"name": header, "in": "header", "description": about, "schema": schema}
    for name, header, about, schema in [
        ("deadline", "Request-Timeout-Ms", "Within which an answer is of use",
         {"type": "integer", "minimum": 1, "maximum": 10**12 - 1}),
        ("key", "Routing-Key", "The same key is answered by the same version", STRING),
        ("length", "Inference-Header-Content-Length", "Bytes of JSON before binary data",
         {"type": "integer", "minimum": 0}),
    ]
}  # fmt: skip


def _get(summary: str, answer: Schema, content: str = "application/json") -> dict[str, Any]:
    return {"summary": summary, "responses": _responses(answer, FOR_GET, content)}


def _post(summary: str, asked: Schema, answer: Schema, about: str = "") -> dict[str, Any]:
    return {
        "summary": summary,
        "description": about,
        "parameters": [_to("parameters", "deadline"), _to("parameters", "key")],
        "requestBody": {"required": True, "content": {"application/json": {"schema": asked}}},
        "responses": _responses(answer, FOR_POST, "application/json"),
    }


def _responses(answer: Schema, errors: Iterable[int], content: str) -> dict[str, Any]:
    fine = {"description": "The answer", "content": {content: {"schema": answer}}}
    return {"200": fine} | {str(status): _to("responses", str(status)) for status in errors}


def _refusal(status: int) -> dict[str, Any]:
    schema = {"schema": _to("schemas", "Error")}
    return {"description": ERRORS[status], "content": {"application/json": schema}}


def _to(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}


# ------------------------------------------------------------ tensors as schemas


def _element(datatype: str) -> Schema:
    """A number, text or truth of this type."""
    if datatype == "BYTES":
        return STRING
    if datatype == "BOOL":
        return BOOLEAN
    limits: Any = np.finfo if datatype[0] == "F" else np.iinfo
    found = limits(DTYPES[datatype])
    if datatype[0] == "F":
        return {"type": "number", "minimum": float(found.min), "maximum": float(found.max)}
    return {"type": "integer", "minimum": int(found.min), "maximum": int(found.max)}


def _nested(element: Schema, shape: Sequence[int], least: int = 1) -> Schema:
    """Lists in lists; -1: of any length from ``least`` on."""
    for size in reversed(shape):
        bounds = {"minItems": least} if size == -1 else {"minItems": size, "maxItems": size}
        element = {"type": "array", "items": element} | bounds
    return element


def _object(properties: dict[str, Schema], required: list[str] | None = None) -> Schema:
    names = [*properties] if required is None else required
    return {"type": "object", "properties": properties, "required": names}


def _tensor(info: Info, spec: Spec, least: int = 1) -> Schema:
    """As the Open Inference Protocol writes it: its name, type, shape, and numbers."""
    full = info.full_shape(spec)
    some: Schema = {"type": "integer", "minimum": least}
    lengths = [some if size == -1 else {"const": size} for size in full]
    element = _element(spec.datatype)
    flat = _nested(element, [-1], 0)
    return _object(
        {
            "name": {"const": spec.name},
            "datatype": {"const": spec.datatype},
            "shape": _list_of(lengths),
            "data": {"anyOf": [flat, _nested(element, full, least)]} if len(full) > 1 else flat,
        }
    )


def _list_of(items: list[Schema]) -> Schema:
    """Exactly these, in this order."""
    about: Schema = {"type": "array", "minItems": len(items), "maxItems": len(items)}
    return about | ({"prefixItems": items} if items else {})


def _request(info: Info) -> Schema:
    names = [spec.name for spec in info.outputs]
    flags = _object({"binary_data": BOOLEAN}, required=[])
    output = _object({"name": {"enum": names}, "parameters": flags}, required=["name"])
    flags = _object({"binary_data_output": BOOLEAN}, required=[])
    return _object(
        {
            "id": STRING,
            "inputs": _list_of([_tensor(info, spec) for spec in info.inputs]),
            "outputs": {"type": "array", "items": output},
            "parameters": flags,
        },
        required=["inputs"],
    )


def _response(info: Info) -> Schema:
    outputs: Schema = {"type": "array"}
    if info.outputs:
        outputs["items"] = {"anyOf": [_tensor(info, spec, 0) for spec in info.outputs]}
    return _object(
        {
            "model_name": {"const": info.name},
            "model_version": STRING,
            "id": STRING,
            "outputs": outputs,
        },
        required=["model_name", "model_version", "outputs"],
    )


def _rows_or_columns(info: Info) -> tuple[Schema, Schema]:
    """A request in the words of TensorFlow Serving, and its answer."""
    columns = {spec.name: _value(spec, info.full_shape(spec)) for spec in info.inputs}
    asked = [_object({"inputs": _named(columns)})]
    columns = {spec.name: _value(spec, info.full_shape(spec), 0) for spec in info.outputs}
    answer = [_object({"outputs": _object(columns) if len(columns) > 1 else _only(columns)})]
    if info.batched:
        row = {spec.name: _value(spec, spec.shape) for spec in info.inputs}
        asked.append(_object({"instances": _nested(_named(row), [-1])}))
        row = {spec.name: _value(spec, spec.shape, 0) for spec in info.outputs}
        one = _object(row) if len(row) > 1 else _only(row)
        answer.append(_object({"predictions": _nested(one, [-1])}))
    return {"oneOf": asked}, {"oneOf": answer}


def _value(spec: Spec, shape: Sequence[int], least: int = 1) -> Schema:
    """A tensor without its name. BYTES that are no text are written in base 64."""
    element = _element(spec.datatype)
    if spec.datatype == "BYTES":
        element = {"anyOf": [element, _object({"b64": STRING | {"contentEncoding": "base64"}})]}
    return _nested(element, shape, least)


def _named(values: dict[str, Schema]) -> Schema:
    """By name; one need not be named."""
    strict = _object(values) | {"additionalProperties": False}
    return {"anyOf": [strict, _only(values)]} if len(values) == 1 else strict


def _only(values: dict[str, Schema]) -> Schema:
    return next(iter(values.values()), {})
