"""What a model is asked first fits it, each worker is asked once, and a failure has a reason."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.serving.server.errors import ModelFault
from mlsys.serving.server.models import ModelError
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


@given(st.integers(1, 5))
def test_each_worker_is_asked_once(workers):
    """As behind `Replicas`: whoever is free is asked, and is not free while it answers."""
    info, asked = info_of([("FP32", (2,))]), []

    async def main():
        idle = asyncio.Queue()
        for number in range(workers):
            idle.put_nowait(number)

        async def run(items):
            worker = await idle.get()
            asked.append(worker)
            await asyncio.sleep(0)
            idle.put_nowait(worker)
            return items

        await warm(run, info, workers)

    asyncio.run(main())
    assert sorted(asked) == [*range(workers)]


def test_a_failure_says_what_was_asked_and_how_to_do_without():
    async def run(items):
        assert np.array_equal(items[0]["x0"], np.zeros((1, 2)))
        return [ModelFault("the model raised ZeroDivisionError")]

    with pytest.raises(ModelError, match=r"'m' .* zeros, .* ZeroDivisionError.* --no-warm-up"):
        asyncio.run(warm(run, info_of([("FP64", (2,))]), 2))
