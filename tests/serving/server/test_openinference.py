"""Bodies as the real client makes and reads them, and rubbish of every kind."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlsys.serving.server.errors import ProtocolError
from mlsys.serving.server.openinference import answer, model_metadata, parse
from mlsys.serving.server.tensors import DTYPES, Info, Spec, check_inputs

http = pytest.importorskip("tritonclient.http")
NUMERIC = [name for name in DTYPES if name != "BYTES"]


def info(datatype, shape=(-1,)):
    specs = (Spec("x", datatype, shape),), (Spec("y", datatype, shape),)
    return Info("m", "3", "python", *specs)


@st.composite
def arrays(draw):
    datatype = draw(st.sampled_from([*NUMERIC, "BYTES"]))
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4))
    if datatype == "BYTES":
        array = np.empty(shape, object)
        for place in np.ndindex(shape):
            array[place] = draw(st.text(max_size=4)).encode()
        return datatype, array
    elements = hnp.from_dtype(DTYPES[datatype], allow_nan=False, allow_infinity=False)
    return datatype, draw(hnp.arrays(DTYPES[datatype], shape, elements=elements))


def request(datatype, array, binary, binary_output):
    given_ = http.InferInput("x", list(array.shape), datatype)
    given_.set_data_from_numpy(array, binary_data=binary)
    wanted = http.InferRequestedOutput("y", binary_data=binary_output)
    return http.InferenceServerClient.generate_request_body([given_], outputs=[wanted])


@given(arrays(), st.booleans(), st.booleans())
def test_what_the_real_client_sends_is_read_and_what_we_answer_is_read_by_it(
    made, binary, binary_output
):
    datatype, array = made
    if not binary and datatype == "FP16":
        return  # the client sends it in binary only
    body, header_length = request(datatype, array, binary, binary_output)
    about = info(datatype, (-1,) * (array.ndim - 1))
    inference = parse(body, header_length, about)
    assert same(inference.inputs["x"], array)
    text, length = answer(about, inference, {"y": array})
    result = http.InferenceServerClient.parse_response_body(text, header_length=length)
    if not binary_output and datatype == "FP16":
        return
    assert same(result.as_numpy("y"), array)
    assert (length is not None) == binary_output


def same(one, other):
    if one.shape != other.shape:
        return False
    plain = [
        [e.encode() if isinstance(e, str) else e for e in each.ravel()] for each in (one, other)
    ]
    return plain[0] == plain[1] if one.dtype == object else np.array_equal(one, other)


def test_nested_and_flat_data_are_the_same():
    flat = {"name": "x", "datatype": "INT32", "shape": [2, 3], "data": [1, 2, 3, 4, 5, 6]}
    nested = flat | {"data": [[1, 2, 3], [4, 5, 6]]}
    for described in (flat, nested):
        body = json.dumps({"inputs": [described], "id": "seven"}).encode()
        inference = parse(body, None, info("INT32", (3,)))
        assert inference.inputs["x"].tolist() == [[1, 2, 3], [4, 5, 6]] and inference.id == "seven"
        assert check_inputs(info("INT32", (3,)), inference.inputs) == 2


GOOD = {"name": "x", "datatype": "FP32", "shape": [2], "data": [1, 2]}
HUGE = 2**62


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"name": 3}, 'object with a "name"'),
        ({"datatype": "FP12"}, "expected a type of"),
        ({"datatype": ["FP32"]}, "expected a type of"),
        ({"shape": [3]}, "has 3 elements, data 2"),
        ({"shape": [-2]}, "whole numbers >= 0"),
        ({"shape": [1.5]}, "whole numbers >= 0"),
        ({"shape": [True, 2]}, "whole numbers >= 0"),
        ({"shape": "2"}, "whole numbers >= 0"),
        ({"shape": [1] * 40}, "at most 32"),
        ({"shape": [HUGE, HUGE]}, "elements, data 2"),
        ({"shape": [HUGE, HUGE, 0], "data": []}, "at most 65,536 as the product"),
        ({"shape": [0, 10**6], "data": []}, "at most 65,536 as the product"),
        ({"datatype": "BYTES", "shape": [0, HUGE], "data": []}, "at most 65,536 as the product"),
        ({"datatype": "BOOL", "data": [1, 2]}, "expected true or false for type BOOL"),
        ({"data": None}, '"data", a list'),
        ({"data": [1, "2"]}, "expected numbers of type FP32"),
        ({"data": [1, None]}, "expected numbers of type FP32"),
        ({"data": [True, False]}, "expected numbers of type FP32"),
        ({"data": [1, 1e60]}, "finite numbers"),
        ({"data": [[1], 2]}, "expected"),
        ({"datatype": "INT8", "data": [1, 300]}, "too large for INT8"),
        ({"datatype": "INT32", "data": [1, 2.0]}, "expected numbers of type INT32"),
        ({"datatype": "UINT8", "data": [1, -1]}, "too large for UINT8"),
        ({"datatype": "BYTES", "data": [1, 2]}, "expected strings"),
        ({"parameters": 3}, "to be an object"),
        ({"parameters": {"binary_data_size": 8}}, "0 bytes are left"),
        ({"parameters": {"binary_data_size": -8}}, "bytes are left"),
        ({"parameters": {"binary_data_size": True}}, "bytes are left"),
    ],
)
def test_a_wrong_input_is_told_what_was_expected(change, why):
    with pytest.raises(ProtocolError, match=why) as error:
        parse(json.dumps({"inputs": [GOOD | change]}).encode(), None, info("FP32", ()))
    assert error.value.status == 400


@pytest.mark.parametrize(
    ("body", "length", "why"),
    [
        (b"", None, "no JSON"),
        (b"[]", None, "JSON object, got list"),
        (b"\xff", None, "no JSON"),
        (b"[" * 100_000, None, "no JSON"),
        (b"{}", None, '"inputs"'),
        (b'{"inputs": []}', None, "one tensor"),
        (b'{"inputs": 3}', None, '"inputs"'),
        (b"{}", 9, "says 9"),
        (b'{"inputs": [3]}', None, "object"),
    ],
)
def test_a_wrong_body_is_told_what_was_expected(body, length, why):
    with pytest.raises(ProtocolError, match=why):
        parse(body, length, info("FP32"))


def test_binary_data_must_be_as_long_as_they_should():
    array = np.arange(4, dtype=np.float32)
    body, length = request("FP32", array, True, False)
    for wrong in (body[:-1], body + b"x"):
        with pytest.raises(ProtocolError, match="bytes"):
            parse(wrong, length, info("FP32", ()))
    texts = np.array([b"ab", b"c"], object)
    body, length = request("BYTES", texts, True, False)
    broken = body[:length] + b"\xff" + body[length + 1 :]
    with pytest.raises(ProtocolError, match="reaches beyond"):
        parse(broken, length, info("BYTES", ()))


def test_outputs_are_those_that_are_asked_for():
    body = json.dumps({"inputs": [GOOD], "outputs": [{"name": "z"}]}).encode()
    with pytest.raises(ProtocolError, match="has the outputs \\['y'\\], not 'z'"):
        parse(body, None, info("FP32", ()))
    body = json.dumps({"inputs": [GOOD], "outputs": [{"name": "y"}] * 2}).encode()
    with pytest.raises(ProtocolError, match="'y' is asked for twice"):
        parse(body, None, info("FP32", ()))


@pytest.mark.parametrize("flag", [0, 1, "no", None, [], {}])
def test_a_flag_is_true_or_false(flag):
    binary = {"outputs": [{"name": "y", "parameters": {"binary_data": flag}}]}
    for wrong in (binary, {"parameters": {"binary_data_output": flag}}):
        body = json.dumps({"inputs": [GOOD]} | wrong).encode()
        with pytest.raises(ProtocolError, match="expected true or false"):
            parse(body, None, info("FP32", ()))


def test_an_array_without_elements_may_have_lengths():
    empty = GOOD | {"shape": [2**16, 0], "data": []}
    inference = parse(json.dumps({"inputs": [empty]}).encode(), None, info("FP32"))
    assert inference.inputs["x"].shape == (2**16, 0)


@given(st.binary(max_size=200), st.one_of(st.none(), st.integers(-1, 250)))
def test_rubbish_is_refused(body, length):
    with pytest.raises(ProtocolError):
        parse(body, length, info("FP32"))


WORDS = ["name", "shape", "datatype", "data", "parameters", "binary_data_size"]
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner),
    max_leaves=12,
)


@given(
    st.dictionaries(st.sampled_from(["inputs", "outputs", "id", "parameters"]), PLAIN),
    st.lists(PLAIN),
)
def test_any_json_is_read_or_refused(request_, inputs):
    for body in (request_, request_ | {"inputs": inputs}, {"inputs": [GOOD, *inputs]}):
        try:
            inference = parse(json.dumps(body).encode(), None, info("FP32", ()))
            check_inputs(info("FP32", ()), inference.inputs)
        except ProtocolError as error:
            assert error.status == 400 and str(error)


def test_metadata_show_the_batch():
    about = model_metadata(info("FP32", (3,)), ["1", "3"])
    assert about["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 3]}]
    assert about["versions"] == ["1", "3"] and about["platform"] == "python"
