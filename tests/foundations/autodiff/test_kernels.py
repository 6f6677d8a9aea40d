"""The kernels against SciPy and against their definitions, where rounding is worst."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlsys.foundations.autodiff import Tensor, kernels

special = pytest.importorskip("scipy.special")
rows = hnp.arrays(np.float64, (3, 5), elements=st.floats(-1e4, 1e4))


@given(rows, st.sampled_from([0, 1, -1]))
def test_softmax_and_its_logarithm_equal_scipy(x: np.ndarray, axis: int) -> None:
    np.testing.assert_allclose(kernels.softmax(x, axis, None), special.softmax(x, axis), atol=1e-15)
    np.testing.assert_allclose(kernels.log_softmax(x, axis), special.log_softmax(x, axis))


@given(rows)
def test_softmax_is_a_distribution_unmoved_by_a_shift(x: np.ndarray) -> None:
    p = kernels.softmax(x, -1, None)
    np.testing.assert_allclose(p.sum(-1), 1)
    np.testing.assert_allclose(kernels.softmax(x + 1000, -1, None), p, atol=1e-9)


def test_masked_places_have_no_weight_and_the_others_share_all() -> None:
    x = np.random.default_rng(0).standard_normal((4, 4))
    mask = np.where(np.tri(4, dtype=bool), 0, -np.inf)
    p = kernels.softmax(x, -1, mask)
    np.testing.assert_array_equal(p[np.triu_indices(4, 1)], 0)
    for i in range(4):
        np.testing.assert_allclose(p[i, : i + 1], special.softmax(x[i, : i + 1]))


@given(rows)
def test_softmax_pull_is_the_transposed_jacobian(g: np.ndarray) -> None:
    y = kernels.softmax(np.linspace(-1, 2, 15).reshape(3, 5), -1, None)
    for row in range(3):
        jacobian = np.diag(y[row]) - np.outer(y[row], y[row])
        ours = kernels.softmax_pull(g, y, -1)[row]
        np.testing.assert_allclose(ours, jacobian.T @ g[row], atol=1e-9)


@given(rows)
def test_sigmoid_equals_scipy(x: np.ndarray) -> None:
    np.testing.assert_allclose(kernels.sigmoid(x), special.expit(x), atol=1e-15)


@given(hnp.arrays(np.float64, (7,), elements=st.floats(-5, 5)))
def test_gelu_is_close_to_the_exact_one(x: np.ndarray) -> None:
    exact = x * special.ndtr(x)
    np.testing.assert_allclose(kernels.gelu(x), exact, atol=5e-4)  # the tanh form's known error


@given(rows, st.lists(st.integers(0, 4), min_size=3, max_size=3))
def test_cross_entropy_is_the_mean_negative_log_probability(x: np.ndarray, labels: list) -> None:
    saved: list[np.ndarray] = []
    ours = kernels.cross_entropy(x, np.array(labels), saved)
    log_p = special.log_softmax(x, -1)[range(3), labels]
    np.testing.assert_allclose(ours, -log_p.mean(), atol=1e-12)
    np.testing.assert_allclose(saved[0], special.softmax(x, -1), atol=1e-15)


@given(rows)
def test_normalized_rows_have_mean_zero_and_at_most_unit_variance(x: np.ndarray) -> None:
    y = kernels.normalize(x, 1e-5, [])
    np.testing.assert_allclose(y.mean(-1), 0, atol=1e-6)
    assert (y.var(-1) <= 1 + 1e-9).all()


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8))
def test_adding_rows_back_is_a_product_with_one_hot_rows(ids: list[int]) -> None:
    g = np.random.default_rng(0).standard_normal((len(ids), 3))
    np.testing.assert_allclose(kernels.add_rows(g, np.array(ids), 6), np.eye(6)[ids].T @ g)


@pytest.mark.parametrize(
    "index", [1, slice(0, 2), (slice(None), 3), [0, 0, 2], (np.array([1, 1]), np.array([2, 2]))]
)
def test_put_adds_at_every_place_that_the_index_names(index) -> None:
    x = np.zeros((3, 4))
    g = np.random.default_rng(0).standard_normal(x[index].shape)
    np.add.at(x, index, g)
    np.testing.assert_allclose(kernels.put(g, index, (3, 4)), x)


@given(st.integers(1, 3), st.integers(1, 4))
def test_a_stack_times_one_matrix_is_as_in_numpy(n: int, m: int) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, n, 5)), rng.standard_normal((5, m))
    np.testing.assert_allclose(kernels.matmul(a, b), np.matmul(a, b))
    np.testing.assert_allclose(
        kernels.matmul(a.swapaxes(1, 2), np.ones((n, m))),
        np.matmul(a.swapaxes(1, 2), np.ones((n, m))),
    )


@pytest.mark.parametrize("b", [2, 3, 2.0, 0.5, -1])
def test_powers_equal_numpy(b: float) -> None:
    a = np.random.default_rng(0).uniform(0.5, 2, 9)
    np.testing.assert_allclose(kernels.power(a, b), a**b, rtol=1e-14)


@pytest.mark.parametrize("axes", [(0,), (0, 2), (1,), (-1,)])
def test_normalizing_leaves_behind_what_it_took_away(axes: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).standard_normal((4, 3, 5)) * 3 + 2
    saved: list[np.ndarray] = []
    y = kernels.normalize(x, 0.0, saved, axes)
    scale, mean, variance = saved
    np.testing.assert_allclose(mean, x.mean(axes, keepdims=True))
    np.testing.assert_allclose(variance, x.var(axes, keepdims=True))
    np.testing.assert_allclose(y / scale + mean, x)


@given(st.floats(-8, 8))
def test_the_slope_of_gelu_in_place_is_the_one_written_as_a_formula(x: float) -> None:
    in_place = kernels.gelu_slope(np.array([x]))
    np.testing.assert_allclose(in_place, kernels.gelu_slope(Tensor([x])).numpy(), atol=1e-14)
