"""Gradients as they become complete: the same numbers as ``backward``, each once, early."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.data_parallel.ready import gradients
from mlsys.foundations.autodiff import GraphError, Tensor
from mlsys.foundations.nn import CNN, MLP, TransformerLM, cross_entropy

programs = st.lists(
    st.tuples(st.integers(0, 10**6), st.integers(0, 10**6), st.booleans()), min_size=1, max_size=30
)


@given(programs)
def test_a_random_graph_gives_what_backward_gives(program: list[tuple[int, int, bool]]) -> None:
    def run() -> tuple[list[Tensor], Tensor]:
        rng = np.random.default_rng(0)
        leaves = [Tensor(rng.uniform(-1, 1, 2), requires_grad=k < 2) for k in range(3)]
        values = list(leaves)
        for i, j, adds in program:
            a, b = values[i % len(values)], values[j % len(values)]
            values.append(a + b if adds else a * b * 0.5)
        return leaves, values[-1].sum()

    leaves, loss = run()
    twins, twin_loss = run()
    if not twin_loss.requires_grad:
        return
    (twin_loss * 3.0).sum().backward()
    came = [(leaf, g.copy()) for leaf, g in gradients(loss, 3.0)]
    assert len({id(leaf) for leaf, _ in came}) == len(came)
    found = {id(leaf): g for leaf, g in came}
    for leaf, twin in zip(leaves, twins, strict=True):
        assert (id(leaf) in found) == (twin.grad is not None)
        assert leaf.grad is None
        if twin.grad is not None:
            np.testing.assert_allclose(found[id(leaf)], twin.grad, rtol=1e-12)


@pytest.mark.parametrize("name", ["mlp", "cnn", "transformer"])
def test_models_give_what_backward_gives(name: str) -> None:
    rng = np.random.default_rng(0)
    if name == "transformer":
        model = TransformerLM(9, 5, 8, 2, 2, rng=rng, dtype=np.float64)  # its head is tied
        x, y = rng.integers(0, 9, (3, 5)), rng.integers(0, 9, (3, 5))
    else:
        kind = {"mlp": lambda: MLP([64, 8, 10], rng=rng), "cnn": lambda: CNN(10, (2, 4), rng=rng)}
        model = kind[name]()  # type: ignore[assignment]
        x, y = rng.normal(size=(4, 1, 8, 8)).astype(np.float32), rng.integers(0, 10, 4)
    cross_entropy(model(x), y).backward()
    wanted = {id(p): p.grad for p in model.parameters()}
    came = {id(p): g.copy() for p, g in gradients(cross_entropy(model(x), y))}
    assert came.keys() == wanted.keys()
    for place, g in came.items():
        np.testing.assert_allclose(g, wanted[place], rtol=1e-4, atol=1e-6)


def test_the_last_layer_comes_first_before_the_walk_has_met_the_first() -> None:
    model = MLP([6, 5, 4, 3], rng=np.random.default_rng(0))
    names = {id(p): name for name, p in model.named_parameters()}
    walk = gradients(cross_entropy(model(np.ones((2, 6))), [0, 1]))
    came = [names[id(leaf)] for leaf, _ in walk]
    layer = [int(name.split(".")[0]) for name in came]
    assert layer == sorted(layer, reverse=True)


def test_the_graph_is_freed_and_a_second_walk_refused() -> None:
    w = Tensor([2.0], requires_grad=True)
    loss = (w * w).sum()
    assert [g.tolist() for _, g in gradients(loss)] == [[4.0]]
    with pytest.raises(GraphError, match="freed"):
        list(gradients(loss))


def test_what_is_no_loss_is_refused() -> None:
    w = Tensor([2.0, 1.0], requires_grad=True)
    with pytest.raises(GraphError, match=r"shape \(2,\)"):
        list(gradients(w * w))
    with pytest.raises(GraphError, match="nothing was recorded"):
        list(gradients(Tensor([1.0])))
