"""What a model has announced, and everything that is not that."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.serving.server.errors import ModelFault, ProtocolError
from mlsys.serving.server.tensors import Info, Spec, check_inputs, check_outputs

INFO = Info(
    "m", "1", "test",
    (Spec("a", "FP32", (2, -1)), Spec("b", "INT64", ())), (Spec("y", "FP64", (3,)),),
)  # fmt: skip


def inputs(rows=2, length=5, dtype=np.float32):
    return {"a": np.zeros((rows, 2, length), dtype), "b": np.zeros(rows, np.int64)}


@given(st.integers(1, 5), st.integers(0, 7))
def test_rows_are_counted(rows, length):
    assert check_inputs(INFO, inputs(rows, length)) == rows


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"a": np.zeros((2, 2, 5))}, r"expected type FP32, got FP64"),
        ({"a": np.zeros((2, 3, 5), np.float32)}, r"expected shape \[-1, 2, -1\], got \[2, 3, 5\]"),
        ({"a": np.zeros((2, 2), np.float32)}, r"expected shape"),
        ({"a": np.zeros((3, 2, 5), np.float32)}, "same number of rows"),
        ({"c": np.zeros(2)}, r"has the inputs \['a', 'b'\], and got \['c'\]"),
    ],
)
def test_a_wrong_input_is_named(change, why):
    with pytest.raises(ProtocolError, match=why) as error:
        check_inputs(INFO, inputs() | change)
    assert error.value.status == 400


def test_what_is_missing_is_named_and_nothing_is_no_request():
    with pytest.raises(ProtocolError, match=r"\['b'\] are missing"):
        check_inputs(INFO, {"a": inputs()["a"]})
    with pytest.raises(ProtocolError, match="one at least"):
        check_inputs(INFO, inputs(0))


@pytest.mark.parametrize(
    ("outputs", "why"),
    [
        ({"z": np.zeros((2, 3))}, r"gave \['z'\], not its outputs \['y'\]"),
        ({"y": np.zeros((2, 3), np.float32)}, "expected type FP64"),
        ({"y": np.zeros((3, 3))}, "expected 2 rows, got 3"),
        ({"y": np.zeros((2, 4))}, "expected shape"),
        ({"y": np.full((2, 3), np.nan)}, "finite numbers"),
        ({"y": np.full((2, 3), -np.inf)}, "finite numbers"),
    ],
)
def test_a_wrong_output_is_the_models_fault(outputs, why):
    with pytest.raises(ModelFault, match=why) as error:
        check_outputs(INFO, outputs, 2)
    assert error.value.status == 500


def test_a_model_without_batches_has_one_row():
    info = Info("m", "1", "test", (Spec("a", "FP32", (2,)),), (), batched=False)
    assert check_inputs(info, {"a": np.zeros(2, np.float32)}) == 1
    with pytest.raises(ProtocolError, match=r"expected shape \[2\]"):
        check_inputs(info, {"a": np.zeros((1, 2), np.float32)})


@pytest.mark.parametrize("make", [lambda: Spec("a", "FP8", ()), lambda: Spec("a", "FP32", (-2,))])
def test_what_cannot_be_is_refused(make):
    with pytest.raises(ValueError, match="expected"):
        make()
