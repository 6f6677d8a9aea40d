"""Predicted costs against an executor that counts, PyTorch's counter, and known models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.measurement.cost import RULES, Cost, cost, total
from mlsys.foundations.measurement.counted import FLOPS, READ, WRITTEN, Counted, run
from mlsys.foundations.measurement.meter import Meter
from mlsys.foundations.measurement.operators import (
    Attention,
    Conv2d,
    Elementwise,
    Embedding,
    LayerNorm,
    Linear,
    MatMul,
    Softmax,
    mlp,
    transformer_block,
)

sizes = st.integers(1, 9)
convolutions = st.builds(
    Conv2d, sizes, sizes, sizes, st.integers(3, 9), st.integers(3, 9), st.integers(1, 3),
    st.integers(1, 3), st.integers(0, 2), st.booleans(),
)  # fmt: skip
RANDOM = {
    Linear: st.builds(Linear, sizes, sizes, sizes, st.booleans()),
    MatMul: st.builds(MatMul, sizes, sizes, sizes, sizes),
    Conv2d: convolutions,
    Attention: st.builds(Attention, sizes, sizes, sizes, sizes, sizes),
    Softmax: st.builds(Softmax, sizes, sizes),
    LayerNorm: st.builds(LayerNorm, sizes, sizes),
    Embedding: st.builds(Embedding, sizes, sizes, sizes),
    Elementwise: st.builds(Elementwise, sizes, st.integers(1, 3), st.integers(2, 5)),
}
operators = st.one_of(list(RANDOM.values()))


class Number:
    """A scalar that counts its own multiplications and additions."""

    count = 0

    def __mul__(self, other):
        Number.count += 1
        return self

    __add__ = __mul__


def test_every_rule_is_tested():
    assert RANDOM.keys() == RULES.keys()


@given(operators)
def test_flops_are_those_of_the_executor(operator):
    assert cost(operator).flops == run(operator, np.random.default_rng(0)).operations[FLOPS]


@given(operators.filter(lambda o: not isinstance(o, Conv2d) or o.stride <= o.kernel))
def test_no_execution_moves_fewer_bytes_than_predicted(operator):
    done, least = run(operator, np.random.default_rng(0)).operations, cost(operator)
    assert least.written_bytes <= done[WRITTEN]
    assert least.moved_bytes <= done[READ] + done[WRITTEN]


@given(RANDOM[MatMul] | RANDOM[Embedding] | st.builds(Linear, sizes, sizes, sizes, st.just(False)))
def test_an_operator_of_one_step_moves_exactly_what_is_predicted(operator):
    done, least = run(operator, np.random.default_rng(0)).operations, cost(operator)
    assert (done[READ], done[WRITTEN]) == (least.read_bytes, least.written_bytes)


@given(sizes, sizes, sizes)
def test_a_product_counts_as_many_flops_as_its_triple_loop(m, k, n):
    Number.count, zero = 0, Number()
    for _ in range(m * n):
        total_ = zero
        for _ in range(k):
            total_ = total_ + zero * zero
    assert cost(MatMul(m, k, n)).flops == Number.count


@given(operators)
def test_half_the_item_size_halves_the_bytes_and_keeps_the_flops(operator):
    single, half = cost(operator, 4), cost(operator, 2)
    indices = 8 * operator.tokens if isinstance(operator, Embedding) else 0
    assert half.flops == single.flops
    assert half.parameter_bytes * 2 == single.parameter_bytes
    assert (half.moved_bytes - indices) * 2 == single.moved_bytes - indices


@given(st.lists(operators, max_size=5))
def test_costs_of_a_network_add_up(network):
    wanted = Cost(*(sum(getattr(cost(o), name) for o in network)
                    for name in Cost.__dataclass_fields__))  # fmt: skip
    assert total(network) == wanted


def test_attention_in_one_kernel_saves_the_scores_and_no_flops():
    batch, heads, n, width = 2, 3, 64, 8
    apart = [
        MatMul(n, width, n, batch * heads),
        Elementwise(batch * heads * n * n),
        Softmax(batch * heads * n, n),
        MatMul(n, n, width, batch * heads),
    ]
    fused, unfused = cost(Attention(batch, heads, n, n, width)), total(apart)
    assert fused.flops == unfused.flops
    scores = 4 * batch * heads * n * n  # written and read: by three steps and the last product
    assert unfused.moved_bytes - fused.moved_bytes == 6 * scores


def test_gpt2_small_has_its_published_124_439_808_parameters():
    blocks = [op for _ in range(12) for op in transformer_block(1, 1, 768, 12)]
    tables = [Embedding(1, 50257, 768), Embedding(1, 1024, 768), LayerNorm(1, 768)]
    assert total(blocks + tables, itemsize=1).parameter_bytes == 124_439_808


def test_pytorch_holds_as_many_parameters_and_counts_as_many_product_flops():
    torch = pytest.importorskip("torch")
    flop_counter = pytest.importorskip("torch.utils.flop_counter")
    rng = np.random.default_rng(5)
    for _ in range(5):
        b, i, o, h, w, n = (int(x) for x in rng.integers(3, 12, 6))
        stride, pad = int(rng.integers(1, 3)), int(rng.integers(0, 3))
        image = Conv2d(b, i, o, h, w, 3, stride, pad)
        flat = Linear(b, i, o)
        pairs = [
            (torch.nn.Conv2d(i, o, 3, stride, pad), torch.ones(b, i, h, w), image,
             b * o * image.positions),
            (torch.nn.Linear(i, o), torch.ones(b, i), flat, b * o),
        ]  # fmt: skip
        for module, x, operator, outputs in pairs:
            with torch.no_grad(), flop_counter.FlopCounterMode(display=False) as counter:
                assert module(x).numel() == outputs
            ours = cost(operator)
            assert sum(p.numel() for p in module.parameters()) * 4 == ours.parameter_bytes
            assert counter.get_total_flops() == ours.flops - outputs  # it leaves the bias out
    block = torch.nn.TransformerEncoderLayer(48, 4, dim_feedforward=192)
    theirs = sum(p.numel() for p in block.parameters())
    assert total(transformer_block(1, n, 48, 4), itemsize=1).parameter_bytes == theirs


def test_a_multilayer_perceptron_ends_without_an_activation():
    network = mlp(64, [784, 128, 10])
    assert [type(op) for op in network] == [Linear, Elementwise, Linear]
    assert total(network, itemsize=1).parameter_bytes == 784 * 128 + 128 + 128 * 10 + 10


def test_counted_arrays_compute_what_numpy_computes():
    rng = np.random.default_rng(6)
    a, b = rng.standard_normal((3, 4)).astype(np.float32), rng.standard_normal((4, 5))
    counted = Counted(a, Meter())
    for f in (lambda x: x @ b, lambda x: np.exp(x).sum(axis=0), lambda x: 0.5 * x - x[0]):
        np.testing.assert_array_equal(np.asarray(f(counted)), f(a))
        assert f(counted).dtype == f(a).dtype


@pytest.mark.parametrize(
    ("work", "flops"),
    [
        (lambda x: x + 1, 12),
        (lambda x: np.sum(x), 12),
        (lambda x: x.max(axis=0), 12),
        (lambda x: x.mean(axis=1), 15),  # 12 added, 3 divided
        (lambda x: x @ x.T, 2 * 3 * 4 * 3),
        (lambda x: x.__iadd__(1), 12),
        (lambda x: x[1:].T.reshape(-1), 0),
    ],
)
def test_the_three_rules(work, flops):
    meter = Meter()
    work(Counted(np.ones((3, 4)), meter))
    assert meter.operations[FLOPS] == flops


def test_arithmetic_that_cannot_be_counted_is_refused():
    x = Counted(np.ones((3, 3)), Meter())
    for hidden in (
        lambda: np.einsum("ij,jk->ik", x, x),
        lambda: np.dot(x, x),
        lambda: np.cumsum(x),
        lambda: np.add.accumulate(x),
    ):
        with pytest.raises(TypeError, match="write"):
            hidden()


@dataclass(frozen=True)
class Wavelet:
    size: int


def test_an_unknown_operator_is_named_with_those_that_are_known():
    with pytest.raises(TypeError, match=r"Wavelet.*known: Linear.*add a line"):
        cost(Wavelet(3))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "operator",
    [Linear(0, 1, 1), Softmax(1, -1), Conv2d(1, 1, 1, 2, 2, 3), Conv2d(1, 1, 1, 4, 4, 2, 0)],
)
def test_impossible_shapes_are_refused(operator):
    with pytest.raises(ValueError, match=r"expected|larger"):
        cost(operator)


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="divide the width"):
        transformer_block(1, 8, 10, 4)
