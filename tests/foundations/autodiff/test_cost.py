"""What a gradient costs, counted: multiplications, forward passes, live bytes. Nothing is timed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.autodiff import Tensor, checkpoint
from mlsys.foundations.measurement.meter import measure_peak


class Counting:
    """A number that counts the multiplications and divisions done with its kind."""

    done = 0

    def __init__(self, value: float) -> None:
        self.value = value

    def __add__(self, other: Counting) -> Counting:
        return Counting(self.value + other.value)

    def __neg__(self) -> Counting:
        return Counting(-self.value)

    def __mul__(self, other: Counting) -> Counting:
        Counting.done += 1
        return Counting(self.value * other.value)

    def __truediv__(self, other: Counting) -> Counting:
        Counting.done += 1
        return Counting(self.value / other.value)


def counting_leaf(value: float) -> Tensor:
    """A leaf whose data are objects: NumPy then calls the methods above for each element."""
    leaf = Tensor.lift(np.array([Counting(value)], dtype=object))
    leaf.requires_grad = True
    return leaf


def cost_of(program: list[tuple[int, int, str]]) -> tuple[int, int]:
    """Multiplications and divisions: of the program alone, and together with its gradient."""
    values = [counting_leaf(value) for value in (2.0, 3.0, 5.0)]
    Counting.done = 0
    for i, j, operation in program:
        a, b = values[i % len(values)], values[j % len(values)]
        values.append(a + b if operation == "+" else a * b if operation == "*" else a / b)
    alone = Counting.done
    values[-1].backward(np.array([Counting(1.0)], dtype=object))
    return alone, Counting.done


def programs(operations: str) -> st.SearchStrategy[list[tuple[int, int, str]]]:
    places = st.integers(0, 10**6)
    return st.lists(st.tuples(places, places, st.sampled_from(operations)), min_size=1, max_size=25)


@given(programs("+*"))
def test_all_slopes_of_a_polynomial_cost_at_most_three_times_its_products(
    program: list[tuple[int, int, str]],
) -> None:
    alone, together = cost_of(program)
    assert together <= 3 * alone


@given(programs("+*/"))
def test_a_quotient_costs_one_more_because_each_input_has_a_line_of_its_own(
    program: list[tuple[int, int, str]],
) -> None:
    alone, together = cost_of(program)
    assert together <= 4 * alone


def layers(h: Tensor, W: Tensor, count: int, runs: list[int]) -> Tensor:
    for _ in range(count):
        runs.append(1)
        h = (h @ W).tanh()
    return h


@pytest.mark.parametrize("segments", [4, 8, 16])
def test_segments_hold_what_the_square_root_rule_counts_for_one_more_forward_pass(
    segments: int,
) -> None:
    L, runs = 64, []
    rng = np.random.default_rng(0)
    W = Tensor(rng.standard_normal((64, 64)) / 8, requires_grad=True)
    start = rng.standard_normal((256, 64))
    with measure_peak() as memory:
        h = Tensor(start, requires_grad=True)
        for _ in range(segments):
            h = checkpoint(lambda h: layers(h, W, L // segments, runs), h)
        h.sum().backward()
    assert len(runs) == 2 * L
    # Cuts, and for each layer of one segment the product and its tanh; a few arrays in passing.
    assert memory.peak <= (segments + 2 * L / segments + 8) * start.nbytes
