"""Costs read off a model, against PyTorch's counts, closed forms, and bytes really held."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.measurement.cost import total
from mlsys.foundations.measurement.meter import measure_peak
from mlsys.foundations.nn import CNN, MLP, Dropout, Linear, Module, Sequential, TransformerLM
from mlsys.foundations.nn.count import count, row

torch = pytest.importorskip("torch")
flop_counter = pytest.importorskip("torch.utils.flop_counter")
F = torch.nn.functional
small = st.integers(1, 4)


def rng(seed=0):
    return np.random.default_rng(seed)


def weights(model):
    """Our parameters as PyTorch's, by name."""
    return {name: torch.from_numpy(p.data).requires_grad_() for name, p in model.named_parameters()}


def torch_mlp(model, x):
    *hidden, (W, b) = _pairs(weights(model))
    for weight, bias in hidden:
        x = F.relu(F.linear(x, weight, bias))
    return F.linear(x, W, b)


def torch_cnn(model, x):
    named = weights(model)
    for first in (0, 4):
        x = F.conv2d(x, named[f"{first}.weight"], padding=1)
        x = F.batch_norm(
            x, None, None, named[f"{first + 1}.weight"], named[f"{first + 1}.bias"], training=True
        )
        x = F.max_pool2d(F.relu(x), 2)
    return F.linear(x.flatten(1), named["9.weight"], named["9.bias"])


def torch_lm(model, ids):
    named = weights(model)
    x = F.embedding(ids, named["tokens.weight"]) + named["positions.weight"][: ids.shape[1]]
    width = x.shape[-1]
    for i, block in enumerate(model.blocks):
        w = {name.removeprefix(f"blocks.{i}."): value for name, value in named.items()}
        h = F.layer_norm(x, [width], w["norm1.weight"], w["norm1.bias"])
        packed = F.linear(h, w["self_attn.in_proj_weight"], w["self_attn.in_proj_bias"])
        q, k, v = (
            part.unflatten(-1, (block.self_attn.heads, -1)).transpose(1, 2)
            for part in packed.chunk(3, dim=-1)
        )
        found = ((q @ k.transpose(-1, -2)).softmax(-1) @ v).transpose(1, 2).flatten(-2)
        x = x + F.linear(found, w["self_attn.out_proj.weight"], w["self_attn.out_proj.bias"])
        h = F.layer_norm(x, [width], w["norm2.weight"], w["norm2.bias"])
        h = F.gelu(F.linear(h, w["linear1.weight"], w["linear1.bias"]))
        x = x + F.linear(h, w["linear2.weight"], w["linear2.bias"])
    x = F.layer_norm(x, [width], named["norm.weight"], named["norm.bias"])
    return F.linear(x, named.get("head.weight", named["tokens.weight"]))


def _pairs(named):
    values = list(named.values())
    return list(zip(values[::2], values[1::2], strict=True))


def flops_in_torch(function, model, x):
    """FLOPs of the forward pass, and of forward and backward."""
    with flop_counter.FlopCounterMode(display=False) as counter:
        y = function(model, torch.from_numpy(x))
        forward = counter.get_total_flops()
        y.sum().backward()
        return forward, counter.get_total_flops()


def an_mlp(widths=(5, 7, 3), n=6):
    return torch_mlp, MLP(widths, rng=rng()), rng(1).random((n, widths[0]), np.float32)


def a_cnn(n=3, channels=(4, 6), side=8):
    return (
        torch_cnn,
        CNN(channels=channels, side=side, rng=rng()),
        rng(1).random((n, 1, side, side), np.float32),
    )


def an_lm(n=2, T=5, width=8, heads=2, layers=2, vocabulary=11, tied=True):
    model = TransformerLM(vocabulary, T, width, heads, layers, tied=tied, rng=rng())
    return torch_lm, model, rng(1).integers(0, vocabulary, (n, T))


@given(st.lists(st.integers(1, 9), min_size=2, max_size=5), small)
def test_products_of_an_mlp_are_those_that_torch_counts(widths, n):
    agrees_with_torch(*an_mlp(widths, n))


@given(small, st.tuples(small, small), st.sampled_from([4, 8, 12]))
def test_products_of_a_cnn_are_those_that_torch_counts(n, channels, side):
    agrees_with_torch(*a_cnn(n, channels, side))


@given(small, small, small, small, st.integers(0, 3), st.booleans())
def test_products_of_a_transformer_are_those_that_torch_counts(n, T, d, heads, layers, tied):
    agrees_with_torch(*an_lm(n, T, d * heads, heads, layers, tied=tied))


def agrees_with_torch(function, model, x):
    price = count(model, x.shape)
    forward, both = flops_in_torch(function, model, x)
    assert (price.product_flops, price.training_flops) == (forward, both)
    assert price.parameters == sum(p.numel() for p in weights(model).values())


@pytest.mark.parametrize("make", [an_mlp, a_cnn, an_lm])
def test_the_walk_ends_with_the_shape_of_the_output(make):
    _, model, x = make()
    assert row(model, x.shape)[1] == model(x).shape


@given(small, small, small, st.integers(0, 3))
def test_a_transformer_has_12_d_squared_parameters_a_block(vocabulary, d, heads, layers):
    T, d = 5, d * heads
    model = TransformerLM(vocabulary, T, d, heads, layers, rng=rng())
    price, n = count(model, (3, T)), 3 * T
    outside = (vocabulary + T) * d + 2 * d  # tied: the head costs nothing
    assert price.parameters == layers * (12 * d * d + 13 * d) + outside
    blocks = layers * (24 * n * d * d + 4 * n * T * d)
    assert price.product_flops == blocks + 2 * n * d * vocabulary


@pytest.mark.parametrize("make", [an_mlp, an_lm])
def test_the_operators_hold_the_parameters_of_the_model(make):
    _, model, x = make(tied=False) if make is an_lm else make()
    steps, _ = row(model, x.shape)  # the table of places is added without an operator of its own
    places = model.positions.weight.size if make is an_lm else 0
    price = count(model, x.shape)
    assert total(steps).parameter_bytes == 4 * (price.parameters - places)


# What the engine holds after the forward pass, at most so many times what is counted: layer_norm
# keeps three arrays where one is counted, conv2d unfolds its input into 9 (and batch norm is 4).
@pytest.mark.parametrize(
    "make, times",
    [
        (lambda: an_mlp((64, 128, 128, 10), n=256), 1.05),
        (lambda: an_lm(n=4, T=64, width=64, heads=4), 1.4),
        (lambda: a_cnn(n=64, channels=(16, 32)), 3.5),
    ],
)
def test_activations_are_what_a_recorded_pass_holds(make, times):
    _, model, x = make()
    model(x)
    with measure_peak() as memory:
        held = model(x)
    counted = count(model, x.shape).activation_bytes
    assert counted <= memory.live <= times * counted
    assert held.requires_grad


@pytest.mark.parametrize("states, optimizer", [(2, torch.optim.AdamW), (1, torch.optim.SGD)])
def test_memory_of_a_step_is_weights_gradients_and_states(states, optimizer):
    _, model, x = an_mlp()
    parameters = list(weights(model).values())
    options = {"momentum": 0.9} if states == 1 else {}
    stepper = optimizer(parameters, lr=0.1, **options)
    sum((p * p).sum() for p in parameters).backward()
    stepper.step()
    kept = [value for state in stepper.state.values() for value in state.values()]
    arrays = [*parameters, *(p.grad for p in parameters), *(v for v in kept if v.ndim)]
    price = count(model, x.shape)
    beside_activations = price.training_bytes(states) - price.activation_bytes
    assert beside_activations == sum(array.nbytes for array in arrays)


@given(small, small, small, small, st.integers(0, 3))
def test_a_transformer_keeps_19_widths_and_two_rows_of_scores_a_token(n, T, d, heads, layers):
    d, vocabulary = d * heads, 7
    model = TransformerLM(vocabulary, T, d, heads, layers, rng=rng())
    a_token = layers * (19 * d + 2 * heads * T) + 3 * d + vocabulary
    assert count(model, (n, T)).activation_bytes == 4 * n * T * a_token


def test_twice_the_context_is_four_times_the_scores():
    _, model, _ = an_lm(T=64)
    one, two, four = (count(model, (1, T)).activation_bytes for T in (16, 32, 64))
    # a T + b T^2: second differences are the square's
    assert (four - 2 * two) / (two - 2 * one) == 4


def test_dropout_costs_only_in_training():
    linear = Linear(4, 4, rng=rng())
    model, without = Sequential(linear, Dropout(0.5, rng=rng())), count(linear, (3, 4))
    assert count(model.eval(), (3, 4)) == without
    assert count(model.train(), (3, 4)).activation_bytes == 3 * without.activation_bytes


def test_precision_is_that_of_the_parameters():
    half, whole = (MLP([3, 4, 5], rng=rng(), dtype=kind) for kind in (np.float32, np.float64))
    assert 2 * count(half, (7, 3)).activation_bytes == count(whole, (7, 3)).activation_bytes


class Unknown(Module):
    def forward(self, x):
        return x


class Wider(Linear):
    """Known by what it is derived from."""


def test_an_unknown_module_says_what_to_add():
    with pytest.raises(TypeError, match=r"no row for Unknown.*ROWS\[Unknown\] = "):
        count(Sequential(Unknown()), (1, 2))
    assert count(Wider(2, 3, rng=rng()), (1, 2)).product_flops == 12


@pytest.mark.parametrize(
    "make, shape, message",
    [
        (an_mlp, (6, 4), r"Linear takes \(\.\.\., 5\), but would get \(6, 4\)"),
        (a_cnn, (6, 3, 8, 8), r"Conv2d takes \(n, 1, h, w\)"),
        (an_lm, (2, 6), r"TransformerLM takes \(n, T\) with T <= 5"),
    ],
)
def test_a_shape_that_does_not_fit_is_refused(make, shape, message):
    _, model, _ = make()
    with pytest.raises(ValueError, match=message):
        count(model, shape)
