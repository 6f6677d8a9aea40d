"""The description keeps its promise, and who does not keep to it is told so: fuzzed by itself.

Bodies are drawn from the description's own schemas, by a walk of 30 lines. What is drawn is
answered. What is drawn and then broken is refused in the error object of the protocol, by a server
that answers the next request.
"""

from __future__ import annotations

import asyncio
import json
import math
from urllib.parse import unquote

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.serving.server.app import App
from mlsys.serving.server.control import Control, Repository
from mlsys.serving.server.errors import MOST_SAID
from mlsys.serving.server.limits import Limits
from mlsys.serving.server.openapi import ERRORS, document
from mlsys.serving.server.tensors import DTYPES, Info, Spec, check_inputs
from mlsys.serving.server.versions import Catalogue

httpx = pytest.importorskip("httpx")
jsonschema = pytest.importorskip("jsonschema")

ROWS = Info(
    "rows", "1", "test", (Spec("x", "FP32", (2, -1)), Spec("text", "BYTES", ())),
    (Spec("y", "FP16", (3,)), Spec("z", "BYTES", (-1,))),
)  # fmt: skip
ALONE = Info("alone", "7", "test", (Spec("x", "FP64", (2,)),), (Spec("y", "INT8", ()),))
WHOLE = Info(
    "whole", "1", "test", (Spec("flag", "BOOL", ()), Spec("x", "FP16", (2, -1))),
    (Spec("y", "UINT64", ()),), batched=False,
)  # fmt: skip
EVERY = Info(
    "every", "1", "test", tuple(Spec(f"in-{each}", each, (2,)) for each in DTYPES),
    tuple(Spec(f"out-{each}", each, (2,)) for each in DTYPES),
)  # fmt: skip
INFOS = [ROWS, ALONE, WHOLE, EVERY]


class Zeros:
    """Answers zeros of the shapes that it announces; a length of -1 is one less than rows."""

    def __init__(self, info):
        self.info = info

    async def predict(self, inputs, seconds):
        rows = check_inputs(self.info, inputs)

        def full(spec):
            lead = (rows,) if self.info.batched else ()
            shape = lead + tuple(rows - 1 if size == -1 else size for size in spec.shape)
            return np.full(shape, b"\xff" if spec.datatype == "BYTES" else 0, spec.dtype)

        return {spec.name: full(spec) for spec in self.info.outputs}

    async def close(self):
        pass


CATALOGUE = Catalogue()
for each in INFOS:
    CATALOGUE.add(Zeros(each))
DOCUMENT = json.loads(json.dumps(document(CATALOGUE, "1")))
ASKED = [path for path in DOCUMENT["paths"] if path.endswith(("/infer", ":predict"))]


def talk(*requests, app=None):
    """The answers to (method, path, body, headers), one after the other."""

    async def main():
        transport = httpx.ASGITransport(app or App(CATALOGUE, version="1"))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return [
                await client.request(method, path, content=body, headers=dict(headers))
                for method, path, body, headers in requests
            ]

    return asyncio.run(main())


def schema_of(path, way):
    """Of the body that is asked with, or answered."""
    operation = DOCUMENT["paths"][path]["post"]
    about = operation["requestBody"] if way == "asked" else operation["responses"]["200"]
    return about["content"]["application/json"]["schema"]


def valid(schema, value):
    jsonschema.Draft202012Validator(schema | {"components": DOCUMENT["components"]}).validate(value)


# ------------------------------------------------------------ the document


def test_every_schema_is_one_and_every_reference_leads_somewhere():
    about = json.loads(json.dumps(document(CATALOGUE, "1", secured=True, control=True)))

    def walk(node):
        if isinstance(node, list):
            for each in node:
                walk(each)
        if not isinstance(node, dict):
            return
        if "$ref" in node:
            found = about
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[unquote(part)]
        if isinstance(node.get("schema"), dict) and "$ref" not in node["schema"]:
            jsonschema.Draft202012Validator.check_schema(node["schema"])
        for each in node.values():
            walk(each)

    walk(about)
    assert about["openapi"] == "3.1.0" and about["security"] == [{"token": []}]
    assert "/v2/repository/models/{name}/load" in about["paths"]
    assert "/v2/repository/index" not in DOCUMENT["paths"]


def test_whatever_can_be_got_is_there_and_is_as_described():
    paths = [path for path, about in DOCUMENT["paths"].items() if "get" in about]
    for path, answer in zip(paths, talk(*(("GET", path, b"", ()) for path in paths)), strict=True):
        described = DOCUMENT["paths"][path]["get"]["responses"]["200"]["content"]
        [(content, about)] = described.items()
        assert answer.status_code == 200 and answer.headers["content-type"].startswith(content)
        value = answer.json() if content == "application/json" else answer.text
        valid(about["schema"], value)
    [answer] = talk(("GET", "/v2/openapi.json", b"", ()))
    assert answer.json() == DOCUMENT


def test_whatever_can_be_posted_to_is_described():
    """Each version of each model has its paths, and no path is there twice."""
    for info in INFOS:
        for where in (f"models/{info.name}", f"models/{info.name}/versions/{info.version}"):
            for path in (f"/v2/{where}/infer", f"/v1/{where}:predict"):
                assert path in ASKED
    assert len(ASKED) == 4 * len(INFOS)


# ------------------------------------------------------------ what it allows


@st.composite
def fitting(draw, schema, length):
    """A value that fits a schema of the description; a list of free length has ``length``.

    So lists are rectangular, and inputs have the same number of rows, as it says in words.
    """
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return draw(st.sampled_from(schema["enum"]))
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return draw(fitting(draw(st.sampled_from(schema[choice])), length))
    if schema["type"] == "object":
        return draw(an_object(schema, length))
    if schema["type"] == "array":
        if "prefixItems" in schema:
            return [draw(fitting(each, length)) for each in schema["prefixItems"]]
        return [
            draw(fitting(schema["items"], length)) for _ in range(schema.get("maxItems", length))
        ]
    low, high = schema.get("minimum"), schema.get("maximum")
    if schema["type"] == "integer" and high is None:
        return length
    plain = {
        "string": st.text(max_size=5),
        "boolean": st.booleans(),
        "integer": st.integers(low, high),
        "number": st.floats(low, high),
    }
    return draw(plain[schema["type"]])


@st.composite
def an_object(draw, schema, length):
    names = [
        name for name in schema["properties"] if name in schema["required"] or draw(st.booleans())
    ]
    found = {
        name: draw(fitting(schema["properties"][name], length))
        for name in names
        if name not in ("data", "outputs", "b64")
    }
    if "b64" in names:
        found["b64"] = draw(st.sampled_from(["", "/w==", "YWI="]))
    if "outputs" in names and "items" in schema["properties"]["outputs"]:  # each of them once
        entry = schema["properties"]["outputs"]["items"]
        entries = st.lists(fitting(entry, length), max_size=3, unique_by=lambda e: e["name"])
        found["outputs"] = draw(entries)
    if "data" in names:  # as many as the shape says
        flat, *nested = schema["properties"]["data"].get("anyOf", [schema["properties"]["data"]])
        elements = [draw(fitting(flat["items"], length)) for _ in range(math.prod(found["shape"]))]
        found["data"] = elements
        if nested and draw(st.booleans()):
            array = np.empty(len(elements), object)
            array[:] = elements
            found["data"] = array.reshape(found["shape"]).tolist()
    return found


@st.composite
def bodies(draw, path):
    return draw(fitting(schema_of(path, "asked"), draw(st.integers(1, 3))))


@given(st.data(), st.sampled_from(ASKED))
def test_what_fits_is_answered_and_the_answer_fits(data, path):
    body = data.draw(bodies(path))
    valid(schema_of(path, "asked"), body)
    [answer] = talk(("POST", path, json.dumps(body).encode(), ()))
    assert answer.status_code == 200, answer.text
    if answer.headers["content-type"] == "application/json":
        valid(schema_of(path, "answered"), answer.json())
    else:
        assert "inference-header-content-length" in answer.headers


# ------------------------------------------------------------ what it does not allow

NEVER = [  # that no tensor is and no part of one has
    b"null", b"NaN", b"-Infinity", b"1e999", b"1" + b"0" * 5000, b'{"a": 1}', b'"\\ud800"',
    b'"\xff"', b'"\\u00"', b"'x'", b"0x10", b"", b"[" * 40 + b"]" * 40, b"[" * 900 + b"]" * 900,
    b"[" * 1100 + b"]" * 1100, b"[" * 100_000, b'{"a":' * 100_000,
]  # fmt: skip
PLACE = "the place of something else"


def places(value, where=()):
    """The ways to all parts of a value, but for its strings' characters."""
    yield where
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in entries:
        if isinstance(each, dict | list):
            yield from places(each, (*where, key))
        else:
            yield (*where, key)


def replaced(value, where, by):
    """A copy with something else at a place."""
    if not where:
        return by
    copy = value.copy()
    copy[where[0]] = replaced(value[where[0]], where[1:], by)
    return copy


def refused(answer):
    """It says what was wrong, in the protocol's way and not at any length."""
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.text)
    assert answer.status_code in ERRORS
    said = answer.json()
    valid(DOCUMENT["components"]["schemas"]["Error"], said)
    assert 0 < len(said["error"]) < MOST_SAID + 50
    return said["error"]


def told(path, body, headers=(), app=None):
    """A broken body is refused, and a whole one is answered after it."""
    fine = json.dumps({"inputs": [tensor(ALONE, [1, 2])]}).encode()
    wrong, after = talk(
        ("POST", path, body, headers), ("POST", "/v2/models/alone/infer", fine, ()), app=app
    )
    assert after.status_code == 200
    return refused(wrong)


def tensor(info, shape, spec=0, **change):
    described = info.inputs[spec]
    return {
        "name": described.name, "datatype": described.datatype, "shape": shape,
        "data": [1] * math.prod(shape),
    } | change  # fmt: skip


@given(st.data(), st.sampled_from(ASKED), st.sampled_from(NEVER))
def test_a_part_that_is_none_is_refused(data, path, never):
    body = data.draw(bodies(path))
    asked = "inputs" if "inputs" in body else "instances"
    where = data.draw(st.sampled_from([*places(body[asked])]))
    text = json.dumps(replaced(body, (asked, *where), PLACE)).encode()
    told(path, text.replace(b'"%s"' % PLACE.encode(), never))


@pytest.mark.parametrize("never", NEVER)
def test_a_number_that_is_none_is_refused(never):
    told("/v1/models/alone:predict", b'{"instances": [[1, %s]]}' % never)
    whole = json.dumps({"inputs": [tensor(ALONE, [1, 2], data=[1, PLACE])]}).encode()
    told("/v2/models/alone/infer", whole.replace(b'"%s"' % PLACE.encode(), never))


@given(st.data(), st.sampled_from(ASKED))
def test_a_part_that_is_missing_is_refused(data, path):
    body = data.draw(bodies(path))
    ways = [way for way in places(body) if way and type(way[-1]) is str]
    needed = [w for w in ways if w[0] in ("inputs", "instances") and "b64" not in w]
    where = data.draw(st.sampled_from(needed))
    broken = replaced(body, where, PLACE)
    inside = broken
    for key in where[:-1]:
        inside = inside[key]
    del inside[where[-1]]
    told(path, json.dumps(broken).encode())


@given(st.data(), st.sampled_from(ASKED))
def test_bytes_that_were_changed_underway_are_never_our_fault(data, path):
    body = bytearray(json.dumps(data.draw(bodies(path))).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body)))
        width = data.draw(st.integers(0, 5))
        body[at : at + width] = data.draw(st.binary(max_size=5))
    [answer] = talk(("POST", path, bytes(body), ()))
    if answer.status_code != 200:  # a changed digit may be another number
        refused(answer)


@given(st.data(), st.integers(-40, 40), st.integers(-9, 9))
def test_binary_data_that_are_cut_or_grow_are_refused(data, more, longer):
    raw = np.ones((3, 2)).tobytes()
    parameters = {"binary_data_size": len(raw)}
    front = json.dumps({"inputs": [tensor(ALONE, [3, 2], parameters=parameters)]}).encode()
    whole = front + raw
    body = whole[: len(whole) + more] if more < 0 else whole + b"\0" * more
    headers = {"inference-header-content-length": str(len(front) + longer)}
    [answer] = talk(("POST", "/v2/models/alone/infer", body, headers.items()))
    if more or longer:
        refused(answer)
    else:
        assert answer.status_code == 200


@pytest.mark.parametrize("datatype", [*DTYPES])
@pytest.mark.parametrize(
    "shape",
    [[10**12], [10**12, 0], [2**62, 2**62, 0], [0, 10**12], [2**64], [10**30], [-1, 2], [0] * 33,
     [1.0, 2], ["1", 2], [[1], 2], {}, 10**12],
)  # fmt: skip
def test_a_shape_is_not_believed(datatype, shape):
    data = {"datatype": datatype, "shape": shape, "data": []}
    for extra in ({}, {"parameters": {"binary_data_size": 0}}):
        told(
            "/v2/models/alone/infer",
            json.dumps({"inputs": [{"name": "x"} | data | extra]}).encode(),
        )


@pytest.mark.parametrize("header", ["request-timeout-ms", "inference-header-content-length"])
@pytest.mark.parametrize(
    "value", ["", "soon", "-1", "1.5", "1e3", "9" * 30, "0x10", "٣", "1 2", "1,1", "\xb2"]
)
def test_a_header_that_is_no_number_is_refused(header, value):
    body = json.dumps({"inputs": [tensor(ALONE, [1, 2])]}).encode()
    told("/v2/models/alone/infer", body, [(header, value.encode())])


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b'{"inputs": [], "outputs": [' + b'{"name": "y"},' * 50_000 + b"{}]}", "inputs"),
        (b'{"inputs": [{"name": "' + b"y" * 10**6 + b'"}]}', "shape"),
        (json.dumps({"inputs": [tensor(ALONE, [1, 2])] * 2}).encode(), "there twice"),
        (
            json.dumps(
                {"inputs": [tensor(ALONE, [1, 2])], "outputs": [{"name": "y"}] * 9}
            ).encode(),
            "asked for twice",
        ),
        (
            json.dumps(
                {"inputs": [tensor(ALONE, [1, 2])], "parameters": {"binary_data_output": "no"}}
            ).encode(),
            "expected true or false",
        ),
        (
            json.dumps({"inputs": [tensor(ALONE, [1, 2], datatype="F" * 10**6)]}).encode(),
            "characters",
        ),
        (b'{"inputs": 3, "inputs": 3, "inputs": [], "inputs": {}}', "one tensor or more"),
    ],
)
def test_what_would_be_answered_at_length_is_refused_in_short(body, word):
    assert word in told("/v2/models/alone/infer", body)


WORDS = ["models", "alone", "versions", "7", "infer", "ready", "repository", "v1", "v2", "", "load"]


@given(
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "X"]),
    st.lists(st.sampled_from(WORDS) | st.text(max_size=6), max_size=7),
    st.binary(max_size=20),
)
def test_any_address_has_an_answer(method, words, body):
    path = "/" + "/".join(words)
    sent = []

    async def main():
        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": method, "path": path, "headers": []}
        await App(CATALOGUE)(scope, receive, send)

    asyncio.run(main())
    start, content = sent
    assert start["status"] < 500
    if start["status"] >= 400:
        assert json.loads(content["body"])["error"]


RUBBISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["parameters", "model", "version", "beside", "shares", "shadow"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
CHANGES = ["index", "models/alone/load", "models/alone/unload", "models/alone/route"]


@given(RUBBISH, st.sampled_from(CHANGES))
def test_rubbish_changes_nothing(said, path):
    catalogue = Catalogue()
    for version in ("1", "2"):
        catalogue.add(Zeros(Info("alone", version, "test", ALONE.inputs, ALONE.outputs)))

    async def make(source, name, version):
        return Zeros(Info(name, version, "test", ALONE.inputs, ALONE.outputs))

    control = Control(Repository(catalogue, make), Limits(token="sesame"))
    app = App(catalogue, control=control)
    bearing = {"authorization": "Bearer sesame"}.items()
    [answer] = talk(("POST", f"/v2/repository/{path}", json.dumps(said).encode(), bearing), app=app)
    if answer.status_code == 200:
        assert type(said) is dict  # empty, or the right names by chance
    else:
        refused(answer)
        assert catalogue.models() == {"alone": ["1", "2"]}
        assert catalogue.routes("alone") == ({"1": 1.0}, None)
