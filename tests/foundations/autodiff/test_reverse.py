"""The walk: each node once, in order, every gradient complete, whatever the shape of the graph."""

from operator import attrgetter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.autodiff import GraphError, Tensor, topological_order
from mlsys.foundations.autodiff.graph import Node, Rule, apply
from mlsys.foundations.autodiff.reverse import unbroadcast, walk, walk_arrays

# A random graph: operation k takes two earlier values, and is an addition or a multiplication.
programs = st.lists(
    st.tuples(st.integers(0, 10**6), st.integers(0, 10**6), st.booleans()), min_size=1, max_size=30
)


def run(program: list[tuple[int, int, bool]], leaves: list[Tensor]) -> Tensor:
    values = list(leaves)
    for i, j, adds in program:
        a, b = values[i % len(values)], values[j % len(values)]
        values.append(a + b if adds else a * b * 0.5)
    return values[-1]


def fresh_leaves() -> list[Tensor]:
    wants = (True, True, False)
    rng = np.random.default_rng(0)
    return [Tensor(rng.uniform(-1, 1, 2), requires_grad=want) for want in wants]


@given(programs)
def test_order_holds_each_node_once_and_inputs_first(program: list[tuple[int, int, bool]]) -> None:
    output = run(program, fresh_leaves())
    order = topological_order(output)
    place = {id(node): i for i, node in enumerate(order)}
    assert len(place) == len(order)
    assert order[-1] is output
    for node in order:
        for x in node.inputs:
            assert (id(x) in place) == x.requires_grad
            assert not x.requires_grad or place[id(x)] < place[id(node)]


@given(programs)
def test_gradients_of_random_graphs_equal_pytorch(program: list[tuple[int, int, bool]]) -> None:
    torch = pytest.importorskip("torch")
    leaves = fresh_leaves()
    theirs = [torch.tensor(x.data, requires_grad=x.requires_grad) for x in leaves]
    output, their_output = run(program, leaves), run(program, theirs)
    if not output.requires_grad:
        return
    output.sum().backward()
    their_output.sum().backward()
    for x, t in zip(leaves, theirs, strict=True):
        assert (x.grad is None) == (t.grad is None)
        if x.grad is not None:
            np.testing.assert_allclose(x.grad, t.grad.numpy(), rtol=1e-12)


@given(programs)
def test_plain_walk_and_fast_walk_agree_to_the_bit(program: list[tuple[int, int, bool]]) -> None:
    results = []
    for fast in (False, True):
        leaves = fresh_leaves()
        output = run(program, leaves)
        order = topological_order(output)
        output.grad = np.ones(2)
        if fast:
            walk_arrays(order, free=True)
        else:
            walk(order, attrgetter("data"))
        results.append([x.grad for x in leaves])
    np.testing.assert_equal(results[0], results[1])


@pytest.mark.parametrize("depth", [1, 10, 1000])
def test_work_is_linear_where_paths_are_exponential(depth: int) -> None:
    """h = h + h, n times: 2^n paths, n nodes; each rule may run once for each of its inputs."""
    calls = 0

    def counted(g: np.ndarray, y: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        nonlocal calls
        calls += 1
        return g / 2

    halves = Rule("mean of two", lambda a, b: (a + b) / 2, counted, counted)
    x = Tensor([3.0], requires_grad=True)
    h = x
    for _ in range(depth):
        h = apply(halves, Tensor, (h, h), ())
    h.backward()
    assert calls == 2 * depth
    np.testing.assert_array_equal(x.grad, [1.0])


def test_a_chain_deeper_than_the_stack_is_walked_and_released() -> None:
    x = Tensor([1.0], requires_grad=True)
    h = x
    for _ in range(100_000):
        h = h + 1.0
    h.backward()
    np.testing.assert_array_equal(x.grad, [1.0])


def test_known_nodes_and_what_lies_behind_them_are_left_out() -> None:
    x = Tensor([2.0], requires_grad=True)
    y = x * x
    z = y * 3.0 + x
    order = topological_order(z, known=[y])
    assert y not in order
    assert x in order  # by its other path


def test_dead_branches_are_not_walked() -> None:
    def forbidden(*_: object) -> None:
        raise AssertionError("a rule ran for a branch that the output does not depend on")

    trap = Rule("trap", lambda x: x, forbidden)
    x = Tensor([2.0], requires_grad=True)
    dead = apply(trap, Tensor, (x,), ())
    live = x * x
    constant = apply(trap, Tensor, (Tensor([5.0]),), ())
    (live + constant).backward()
    np.testing.assert_array_equal(x.grad, [4.0])
    assert dead.requires_grad


shapes = st.lists(st.integers(1, 4), max_size=3).map(tuple)


@given(shapes, st.lists(st.integers(2, 3), max_size=2).map(tuple), st.data())
def test_unbroadcast_is_the_adjoint_of_broadcasting(
    shape: tuple[int, ...], front: tuple[int, ...], data: st.DataObject
) -> None:
    stretched = tuple(n if n > 1 else data.draw(st.integers(1, 3)) for n in shape)
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal(shape), rng.standard_normal(front + stretched)
    pulled = unbroadcast(g, shape)
    assert pulled.shape == shape
    np.testing.assert_allclose(np.vdot(np.broadcast_to(x, g.shape), g), np.vdot(x, pulled))


def test_a_freed_graph_is_refused_by_name_and_retained_ones_add_up() -> None:
    x = Tensor([3.0], requires_grad=True)
    y = (x * x).exp()
    y.backward(retain_graph=True)
    once = x.grad.copy()
    y.backward()
    np.testing.assert_array_equal(x.grad, 2 * once)
    with pytest.raises(GraphError, match=r"exp was freed.*retain_graph=True"):
        y.backward()
    np.testing.assert_array_equal(x.grad, 2 * once)


def test_walking_from_a_live_node_into_a_freed_one_is_refused() -> None:
    x = Tensor([3.0], requires_grad=True)
    shared = x * x
    (shared + 1.0).backward()
    with pytest.raises(GraphError, match="multiply was freed"):
        (shared * 2.0).backward()


def test_an_error_in_the_middle_of_a_walk_leaves_every_gradient_as_it_was() -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("no derivative today")

    x = Tensor([2.0], requires_grad=True)
    (x * 1.0).backward()
    middle = apply(Rule("fails", lambda x: x, fails), Tensor, (x,), ())
    y = middle * x + x
    with pytest.raises(RuntimeError, match="no derivative today"):
        y.backward()
    np.testing.assert_array_equal(x.grad, [1.0])
    assert y.grad is None
    assert middle.grad is None


def test_arrays_are_released_during_the_walk_and_not_after_it() -> None:
    """Peak live intermediates in the backward walk must not grow with what is already behind it."""
    alive: list[int] = []
    rule = Rule("watch", lambda x: x.copy(), lambda g, y, x: (alive.append(_held(nodes)), g)[1])
    x = Tensor(np.ones(10), requires_grad=True)
    nodes: list[Node] = []
    h = x
    for _ in range(10):
        h = apply(rule, Tensor, (h,), ())
        nodes.append(h)
    h.sum().backward()
    # When the k-th rule from the end runs, the k nodes behind it have given up their inputs.
    assert alive == list(range(10, 0, -1))


def _held(nodes: list[Node]) -> int:
    return sum(isinstance(node.inputs, tuple) for node in nodes)


def test_leaf_gradients_are_arrays_of_their_own() -> None:
    a, b, c = (Tensor(np.ones((2, 3)), requires_grad=True) for _ in range(3))
    seed = np.ones((2, 3))
    (a + b + c.reshape(3, 2).reshape(2, 3)).backward(seed)
    for leaf in (a, b, c):
        leaf.grad += 1
    for leaf in (a, b, c):
        np.testing.assert_array_equal(leaf.grad, 2)
    np.testing.assert_array_equal(seed, 1)
