"""TensorFlow Serving's JSON: rows and columns mean the same, and rubbish is refused."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlsys.serving.server.errors import ProtocolError
from mlsys.serving.server.tensorflow import Prediction, answer, parse, status
from mlsys.serving.server.tensors import DTYPES, Info, Spec, check_inputs

ONE = Info("m", "1", "test", (Spec("x", "FP32", (2,)),), (Spec("y", "FP32", (2,)),))
TWO = Info(
    "m", "1", "test", (Spec("a", "INT64", ()), Spec("b", "FP64", (2,))),
    (Spec("p", "FP64", (2,)), Spec("q", "INT64", ())),
)  # fmt: skip


def body(**request):
    return json.dumps(request).encode()


@given(hnp.arrays(np.int64, st.integers(1, 5)), st.data())
def test_rows_and_columns_are_the_same(a, data):
    elements = st.floats(allow_nan=False, allow_infinity=False)
    b = data.draw(hnp.arrays(np.float64, (len(a), 2), elements=elements))
    rows = [{"a": int(one), "b": other.tolist()} for one, other in zip(a, b, strict=True)]
    for request in ({"instances": rows}, {"inputs": {"a": a.tolist(), "b": b.tolist()}}):
        asked = parse(body(**request), TWO)
        assert check_inputs(TWO, asked.inputs) == len(a)
        assert np.array_equal(asked.inputs["a"], a) and np.array_equal(asked.inputs["b"], b)
        said = json.loads(answer(TWO, asked, {"p": b, "q": a}))
        if asked.rows:
            assert [(row["p"], row["q"]) for row in said["predictions"]] == [
                (other["b"], other["a"]) for other in rows
            ]
        else:
            assert said["outputs"] == {"p": b.tolist(), "q": a.tolist()}


def test_what_is_alone_need_not_be_named():
    for request in (
        {"instances": [[1, 2], [3, 4]]},
        {"instances": [{"x": [1, 2]}, {"x": [3, 4]}], "signature_name": "serving_default"},
        {"inputs": [[1, 2], [3, 4]]},
        {"inputs": {"x": [[1, 2], [3, 4]]}},
    ):
        asked = parse(body(**request), ONE)
        assert asked.inputs["x"].dtype == np.float32
        assert asked.inputs["x"].tolist() == [[1, 2], [3, 4]]
        said = json.loads(answer(ONE, asked, {"y": 2 * asked.inputs["x"]}))
        assert said == {"predictions" if asked.rows else "outputs": [[2, 4], [6, 8]]}


def test_bytes_are_text_or_base_64():
    info = Info("m", "1", "test", (Spec("x", "BYTES", ()),), (Spec("y", "BYTES", ()),))
    raw = b"\x00\xff"
    asked = parse(body(instances=["ab", {"b64": base64.b64encode(raw).decode()}]), info)
    assert asked.inputs["x"].tolist() == [b"ab", raw]
    said = json.loads(answer(info, asked, {"y": asked.inputs["x"]}))
    assert [base64.b64decode(each["b64"]) for each in said["predictions"]] == [b"ab", raw]


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (b"{", "no JSON"),
        (b"[1]", 'either "instances" or "inputs"'),
        (body(), 'either "instances" or "inputs"'),
        (body(instances=[[1, 2]], inputs=[[1, 2]]), 'either "instances" or "inputs"'),
        (body(instances=[]), "one entry or more"),
        (body(instances=3), "one entry or more"),
        (body(instances=[{"z": [1, 2]}]), r"expected \['x'\], got \['z'\]"),
        (body(instances=[[1, "2"]]), "numbers of type FP32"),
        (body(instances=[[1, None]]), "numbers of type FP32"),
        (body(instances=[[1, 1e300]]), "finite numbers"),
        (body(instances=[[1, 2], [3]]), "equal length and depth"),
        (body(instances=[[[1], 2]]), "equal length and depth"),
        (b'{"instances": ' + b"[" * 900 + b"]" * 900 + b"}", "32 deep"),
    ],
)
def test_a_wrong_request_is_told_what_was_expected(request_, why):
    with pytest.raises(ProtocolError, match=why) as error:
        check_inputs(ONE, parse(request_, ONE).inputs)
    assert error.value.status == 400


@pytest.mark.parametrize("datatype", [name for name in DTYPES if "INT" in name])
def test_whole_numbers_that_do_not_fit_are_refused(datatype):
    info = Info("m", "1", "test", (Spec("x", datatype, ()),), ())
    limits = np.iinfo(DTYPES[datatype])
    assert parse(body(instances=[int(limits.max)]), info).inputs["x"][0] == limits.max
    for beyond in (int(limits.max) + 1, int(limits.min) - 1):
        with pytest.raises(ProtocolError, match=r"too large for|numbers of type"):
            parse(body(instances=[beyond]), info)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "x", "b64"]), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(PLAIN, st.sampled_from([ONE, TWO]), st.sampled_from(["instances", "inputs"]))
def test_any_json_is_read_or_refused(value, info, form):
    try:
        check_inputs(info, parse(body(**{form: value}), info).inputs)
    except ProtocolError as error:
        assert error.status == 400 and str(error)


def test_every_version_is_named():
    found = status(["1", "2"], ready=True)["model_version_status"]
    assert [(each["version"], each["state"]) for each in found] == [
        ("1", "AVAILABLE"), ("2", "AVAILABLE")
    ]  # fmt: skip
    assert Prediction({}, rows=True).rows
