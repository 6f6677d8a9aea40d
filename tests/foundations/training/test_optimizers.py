"""Optimisers against torch.optim over many steps, and the plain rules against the fast classes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.autodiff import Tensor
from mlsys.foundations.training.optimizers import SGD, AdamW, Optimizer, adamw, misfits, sgd

SHAPES = [(4, 3), (3,), (2, 3, 2), (1,)]
settings_of_sgd = st.fixed_dictionaries(
    {
        "lr": st.floats(1e-3, 0.5),
        "momentum": st.sampled_from([0.0, 0.5, 0.99]),
        "nesterov": st.booleans(),
        "weight_decay": st.sampled_from([0.0, 0.1]),
    }
)
settings_of_adamw = st.fixed_dictionaries(
    {
        "lr": st.floats(1e-4, 0.1),
        "betas": st.sampled_from([(0.9, 0.999), (0.5, 0.9), (0.0, 0.99)]),
        "eps": st.sampled_from([1e-8, 1e-3]),
        "weight_decay": st.sampled_from([0.0, 0.1]),
    }
)
seeds = st.integers(0, 2**32)


def tensors(seed: int, dtype: Any = np.float64) -> list[Tensor]:
    rng = np.random.default_rng(seed)
    return [Tensor(rng.standard_normal(s).astype(dtype), requires_grad=True) for s in SHAPES]


def gradients(rng: np.random.Generator, p: Tensor) -> np.ndarray:
    """Of very different sizes, so that a misplaced epsilon shows."""
    return (rng.standard_normal(p.shape) * 10.0 ** rng.integers(-5, 2)).astype(p.dtype)


def run(parameters: list[Tensor], optimizer: Any, seed: int, steps: int = 60) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        for p in parameters:
            p.grad = gradients(rng, p)
        optimizer.step()


def check_against_torch(ours: Callable[..., Optimizer], name: str, seed: int, options: Any) -> None:
    torch = pytest.importorskip("torch")
    parameters = tensors(seed)
    theirs = [torch.tensor(p.data.copy(), requires_grad=True) for p in parameters]
    optimizer = ours(parameters, **options)
    their_optimizer = getattr(torch.optim, name)(theirs, **options)
    rng = np.random.default_rng(seed)
    for _ in range(60):
        for p, t in zip(parameters, theirs, strict=True):
            p.grad = gradients(rng, p)
            t.grad = torch.tensor(p.grad)
        optimizer.step()
        their_optimizer.step()
    for p, t in zip(parameters, theirs, strict=True):
        np.testing.assert_allclose(p.data, t.detach().numpy(), rtol=1e-9, atol=1e-12)


@given(settings_of_sgd, seeds)
def test_sgd_equals_pytorch(options: Any, seed: int) -> None:
    options["nesterov"] = options["nesterov"] and options["momentum"] > 0
    check_against_torch(SGD, "SGD", seed, options)


@given(settings_of_adamw, seeds)
def test_adamw_equals_pytorch(options: Any, seed: int) -> None:
    check_against_torch(AdamW, "AdamW", seed, options)


class ByTheRule(Optimizer):
    """An optimiser that applies a plain rule as it stands."""

    def __init__(self, parameters: list[Tensor], rule: Any, slots: Any, options: Any) -> None:
        super().__init__(parameters, 0.0, slots)
        self.rule, self.options = rule, options

    def update(self, p: np.ndarray, g: np.ndarray, *slots: np.ndarray) -> None:
        count = (self.count,) if self.rule is adamw else ()
        before = g.copy()
        self.rule(p, g, *slots, *count, **self.options)
        np.testing.assert_array_equal(g, before)


@given(settings_of_sgd, seeds)
def test_the_sgd_class_is_the_plain_rule(options: Any, seed: int) -> None:
    options["nesterov"] = options["nesterov"] and options["momentum"] > 0
    fast, plain = tensors(seed), tensors(seed)
    run(fast, SGD(fast, **options), seed)
    run(plain, ByTheRule(plain, sgd, ("velocity",), options), seed)
    for a, b in zip(fast, plain, strict=True):
        np.testing.assert_allclose(a.data, b.data, rtol=1e-9, atol=1e-12)


@given(settings_of_adamw, seeds)
def test_the_adamw_class_is_the_plain_rule(options: Any, seed: int) -> None:
    fast, plain = tensors(seed), tensors(seed)
    run(fast, AdamW(fast, **options), seed)
    run(plain, ByTheRule(plain, adamw, ("m", "v"), options), seed)
    for a, b in zip(fast, plain, strict=True):
        np.testing.assert_allclose(a.data, b.data, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("make", [lambda p: SGD(p, 0.1, 0.9, True, 0.1), lambda p: AdamW(p, 0.1)])
def test_a_step_keeps_gradients_precision_and_arrays(make: Any) -> None:
    parameters = tensors(0, np.float32)
    arrays = [p.data for p in parameters]
    for p in parameters:
        p.grad = np.ones_like(p.data)
    make(parameters).step()
    for p, array in zip(parameters, arrays, strict=True):
        assert p.data is array
        assert array.dtype == np.float32
        np.testing.assert_array_equal(p.grad, np.ones_like(array))


@pytest.mark.parametrize("make", [lambda p: SGD(p, 0.1, 0.9), lambda p: AdamW(p, 0.1)])
def test_a_parameter_without_a_gradient_is_left_alone(make: Any) -> None:
    parameters = tensors(0)
    before = [p.data.copy() for p in parameters]
    optimizer = make(parameters)
    parameters[0].grad = np.ones_like(parameters[0].data)
    optimizer.step()
    assert not np.array_equal(parameters[0].data, before[0])
    for p, b in zip(parameters[1:], before[1:], strict=True):
        np.testing.assert_array_equal(p.data, b)


@pytest.mark.parametrize("make", [lambda p: SGD(p, 0.1, 0.9), lambda p: AdamW(p, 0.1)])
@given(st.integers(0, 8), seeds)
def test_a_saved_state_goes_on_to_the_same_bits(make: Any, cut: int, seed: int) -> None:
    whole, first = tensors(seed), tensors(seed)
    run(whole, make(whole), seed, 8)
    rng = np.random.default_rng(seed)
    optimizer = make(first)
    for step in range(8):
        if step == cut:
            state = {name: array.copy() for name, array in optimizer.state_dict().items()}
            first = [Tensor(p.data.copy(), requires_grad=True) for p in first]
            optimizer = make(first)
            optimizer.load_state_dict(state)
        for p in first:
            p.grad = gradients(rng, p)
        optimizer.step()
    for a, b in zip(whole, first, strict=True):
        np.testing.assert_array_equal(a.data, b.data)


def test_a_state_that_does_not_fit_changes_nothing() -> None:
    named = [("w", Tensor(np.ones(2), requires_grad=True)), ("b", Tensor(np.ones(1), True))]
    optimizer = AdamW(named)
    assert set(optimizer.state_dict()) == {"count", "m.w", "m.b", "v.w", "v.b"}
    bad = {name: array + 1 for name, array in optimizer.state_dict().items()}
    bad["v.b"] = np.ones(5)
    with pytest.raises(ValueError, match=r"v.b is float64 \(5,\), expected float64 \(1,\)"):
        optimizer.load_state_dict(bad)
    assert optimizer.count == 0
    assert not any(array.any() for array in optimizer.state_dict().values())


def test_misfits_names_every_kind_and_counts_the_rest() -> None:
    mine = {"w": np.ones(2), "b": np.ones(1)}
    assert misfits(mine, {"w": np.ones(2), "b": np.ones(1)}) == ""
    assert misfits(mine, {**mine, "c": np.ones(1)}) == "c is not expected"
    assert "float32 (2,)" in misfits(mine, {**mine, "w": np.ones(2, np.float32)})
    assert misfits({str(i): np.ones(1) for i in range(6)}, {}).endswith("; and 2 more")


def test_mistakes_are_told() -> None:
    with pytest.raises(ValueError, match="pass a list"):
        SGD([], 0.1)
    with pytest.raises(ValueError, match="parameter 0 is one number"):
        SGD([Tensor(1.0, requires_grad=True)], 0.1)
    with pytest.raises(ValueError, match="momentum > 0"):
        SGD(tensors(0), 0.1, nesterov=True)
