"""Attention: the plain functions, the fast module, and PyTorch's agree; causality holds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations import autodiff, nn
from mlsys.foundations.autodiff import Tensor
from mlsys.foundations.nn import attention as att

torch = pytest.importorskip("torch")


def floats(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def drawn_module(width, heads, causal=False):
    """A module whose biases are not zero either."""
    rng = np.random.default_rng(0)
    module = nn.MultiHeadAttention(width, heads, rng=rng, causal=causal)
    for parameter in module.parameters():
        parameter.data[:] = rng.standard_normal(parameter.shape) * 0.3
    return module


@pytest.mark.parametrize("kind", [np.asarray, Tensor])
@pytest.mark.parametrize("mask", [None, np.tri(5, 7, 2, dtype=bool), np.eye(5, 7, dtype=bool)])
def test_scaled_dot_product_equals_pytorch_on_arrays_and_tensors(kind, mask) -> None:
    q, k, v = floats(2, 3, 5, 4), floats(2, 3, 7, 4, seed=1), floats(2, 3, 7, 6, seed=2)
    ours = att.scaled_dot_product_attention(kind(q), kind(k), kind(v), mask)
    assert type(ours) is (Tensor if kind is Tensor else np.ndarray)
    theirs = torch.nn.functional.scaled_dot_product_attention(
        *map(torch.tensor, (q, k, v)), None if mask is None else torch.tensor(mask)
    )
    np.testing.assert_allclose(getattr(ours, "data", ours), theirs.numpy(), atol=1e-5)
    assert ours.dtype == np.float32


@given(st.integers(1, 6), st.integers(1, 4), st.booleans(), st.integers(0, 99))
def test_plain_and_fast_attention_agree_in_values_and_gradients(T, d, causal, seed) -> None:
    rng = np.random.default_rng(seed)
    plain, fast = ([], [])
    for _ in range(3):
        x = rng.standard_normal((2, T, d))
        plain.append(Tensor(x, requires_grad=True))
        fast.append(Tensor(x, requires_grad=True))
    y = att.scaled_dot_product_attention(*plain, att.causal_mask(T) if causal else None)
    y_fast = autodiff.attention(*fast, causal)
    np.testing.assert_allclose(y.numpy(), y_fast.numpy(), atol=1e-12)
    g = rng.standard_normal(y.shape)
    y.backward(g)
    y_fast.backward(g)
    for a, b in zip(plain, fast, strict=True):
        np.testing.assert_allclose(a.grad, b.grad, atol=1e-12)


@pytest.mark.parametrize("causal", [False, True])
def test_the_plain_heads_equal_the_module(causal) -> None:
    module, x = drawn_module(8, 2, causal), floats(3, 5, 8)
    plain = att.multi_head_attention(
        x,
        module.in_proj_weight.data,
        module.in_proj_bias.data,
        module.out_proj.weight.data,
        module.out_proj.bias.data,
        2,
        att.causal_mask(5) if causal else None,
    )
    assert type(plain) is np.ndarray
    np.testing.assert_allclose(plain, module(x).numpy(), atol=1e-5)


@pytest.mark.parametrize("causal", [False, True])
def test_module_equals_pytorch(causal, equal_to_torch) -> None:
    theirs = torch.nn.MultiheadAttention(8, 4, batch_first=True)
    mask = torch.nn.Transformer.generate_square_subsequent_mask(5) if causal else None
    equal_to_torch(
        drawn_module(8, 4, causal),
        theirs,
        floats(3, 5, 8),
        call=lambda module, x: module(x, x, x, attn_mask=mask, need_weights=False)[0],
    )


@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), st.integers(1, 4))
def test_heads_split_and_merged_are_what_they_were(n, T, heads, d) -> None:
    packed = np.arange(n * T * 3 * heads * d).reshape(n, T, 3 * heads * d)
    parts = [att.merge_heads(part) for part in att.split_heads(packed, heads)]
    np.testing.assert_array_equal(np.concatenate(parts, -1), packed)


def test_a_causal_position_depends_on_no_later_one() -> None:
    module, x = drawn_module(8, 2, causal=True), floats(1, 6, 8)
    changed = x.copy()
    changed[:, 4:] += 10
    y, y_changed = module(x).numpy(), module(changed).numpy()
    np.testing.assert_array_equal(y[:, :4], y_changed[:, :4])
    assert not np.allclose(y[:, 4:], y_changed[:, 4:])


def test_without_a_mask_the_order_of_the_keys_is_unknown() -> None:
    module, x = drawn_module(8, 2), floats(1, 6, 8)
    order = np.random.default_rng(0).permutation(6)
    np.testing.assert_allclose(module(x[:, order]).numpy(), module(x).numpy()[:, order], atol=1e-5)


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(ValueError, match="3 heads do not divide a width of 8"):
        nn.MultiHeadAttention(8, 3, rng=np.random.default_rng(0))
