"""Arrays in shared memory: what is laid is what is read, and nothing lies on anything else."""

from __future__ import annotations

from collections.abc import Iterator
from multiprocessing.shared_memory import SharedMemory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.serving.server.worker import ALIGN, halves

ROOM = 8192


@pytest.fixture(scope="module")
def memory() -> Iterator[SharedMemory]:
    block = SharedMemory(create=True, size=ROOM)
    yield block
    block.close()
    block.unlink()


@st.composite
def batches(draw):
    """For each name arrays that differ in their number of rows."""
    names = draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True))
    rows = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    batch = {}
    for name in names:
        width, dtype = draw(st.integers(0, 40)), draw(st.sampled_from(["<f4", "<i8", "|b1", "<f2"]))
        start = draw(st.integers(0, 100))
        batch[name] = [
            (np.arange(count * width).reshape(count, width) + start + place).astype(dtype)
            for place, count in enumerate(rows)
        ]
    return batch


@given(batches(), batches())
def test_both_areas_hold_what_was_laid_last(memory, asked, answered):
    questions, answers = halves(memory)
    layouts = questions.lay(asked), answers.lay(answered)
    for area, layout, batch in ((questions, layouts[0], asked), (answers, layouts[1], answered)):
        for name, arrays in batch.items():
            read = area.read(layout[name])
            np.testing.assert_array_equal(read, np.concatenate(arrays))
            assert read.dtype == arrays[0].dtype
    for layout in layouts:
        for lies in layout.values():
            assert isinstance(lies, np.ndarray) or lies[2] % ALIGN == 0


def test_what_does_not_fit_and_what_has_no_fixed_size_is_sent_itself(memory):
    questions, _ = halves(memory)
    small, large = np.zeros((1, 8)), np.ones((10, 1000))
    texts = np.array([[b"a"], [b"bcd"]], object)
    layout = questions.lay({"small": [small], "large": [large, large], "texts": [texts]})
    assert isinstance(layout["small"], tuple)
    assert isinstance(layout["large"], np.ndarray) and layout["large"].shape == (20, 1000)
    assert layout["texts"].tolist() == texts.tolist()


def test_a_scalar_is_an_array(memory):
    questions, _ = halves(memory)
    layout = questions.lay({"x": [np.float32(3.5)]})
    assert questions.read(layout["x"]).tolist() == 3.5
