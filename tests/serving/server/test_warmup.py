"""What a model is asked first fits it, it is asked once, and a failure has a reason."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.serving.server.errors import ModelFault
from mlsys.serving.server.models import ModelError
from mlsys.serving.server.replicas import Died
from mlsys.serving.server.tensors import DTYPES, Info, Spec, check_inputs
from mlsys.serving.server.warmup import example, warm

shapes = st.lists(st.integers(-1, 3), max_size=3).map(tuple)
specs = st.lists(st.tuples(st.sampled_from([*DTYPES]), shapes), min_size=1, max_size=3)


def info_of(specs, batched=True):
    inputs = tuple(Spec(f"x{place}", *spec) for place, spec in enumerate(specs))
    return Info("m", "1", "test", inputs, (), batched)


@given(specs, st.booleans())
def test_the_example_fits_and_is_one_row_of_nothing(specs, batched):
    info = info_of(specs, batched)
    inputs = example(info)
    assert check_inputs(info, inputs) == 1
    for spec in info.inputs:
        array = inputs[spec.name]
        assert not any(array.ravel().tolist())  # 0, False, b""
        assert all(size in (1, wanted) for size, wanted in zip(array.shape, info.full_shape(spec)))


def warmed(ask, info):
    asyncio.run(warm(ask, info))


def test_it_is_asked_once_and_its_answer_is_looked_at():
    info, asked = info_of([("FP64", (2,))]), []
    info = replace(info, outputs=(Spec("y", "FP32", ()),))

    def answering(array):
        async def ask(items):
            asked.append(items)
            return {"y": array}

        return ask

    warmed(answering(np.zeros(1, np.float32)), info)
    ((inputs,),) = asked
    assert np.array_equal(inputs["x0"], np.zeros((1, 2)))
    for wrong in (np.zeros(1), np.zeros(2, np.float32), np.full(1, np.nan, np.float32)):
        with pytest.raises(ModelError, match="to warm it up, and failed: output 'y'"):
            warmed(answering(wrong), info)


def test_a_failure_says_what_was_asked_and_how_to_do_without():
    async def ask(items):
        raise ModelFault("the model raised ZeroDivisionError")

    with pytest.raises(ModelError, match=r"'m' .* zeros, .* ZeroDivisionError.* --no-warm-up"):
        warmed(ask, info_of([("FP64", (2,))]))

    async def die(items):
        raise Died

    with pytest.raises(ModelError, match="failed: its process has ended"):
        warmed(die, info_of([("FP64", (2,))]))
