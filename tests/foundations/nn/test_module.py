"""The tree: what is found in it, under which names, and what loading does to it."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.autodiff import Tensor
from mlsys.foundations.nn import (
    BatchNorm,
    Dropout,
    Linear,
    Module,
    Parameter,
    Sequential,
    StateError,
)

RNG = np.random.default_rng(0)


class Holder(Module):
    """A module made of whatever attributes it is given."""

    def __init__(self, **attributes) -> None:
        vars(self).update(attributes)

    def forward(self, x):
        return x


# A tree as nested data: a leaf is a shape, a branch names its members or lists them.
shapes = st.lists(st.integers(0, 3), max_size=2).map(tuple)
names = st.text("abcdef_", min_size=1, max_size=4).filter(str.isidentifier)
trees = st.recursive(
    st.one_of(shapes.map(lambda s: ("parameter", s)), shapes.map(lambda s: ("buffer", s))),
    lambda below: st.one_of(st.dictionaries(names, below, max_size=3), st.lists(below, max_size=3)),
    max_leaves=8,
)


def grown(tree, make_branch=Holder):
    """The tree as modules, lists and leaves of our own."""
    if isinstance(tree, dict):
        return make_branch(**{name: grown(below, make_branch) for name, below in tree.items()})
    if isinstance(tree, list):
        return [grown(below, make_branch) for below in tree]
    kind, shape = tree
    array = RNG.standard_normal(shape)
    return Parameter(array) if kind == "parameter" else np.asarray(array)


def expected(tree, prefix=""):
    """Dotted name and kind of each leaf, by walking the data."""
    if isinstance(tree, tuple):
        return [(prefix[:-1], *tree)]
    members = tree.items() if isinstance(tree, dict) else enumerate(tree)
    return [leaf for name, below in members for leaf in expected(below, f"{prefix}{name}.")]


@given(st.dictionaries(names, trees, max_size=4))
def test_every_leaf_is_found_once_under_its_dotted_name(tree) -> None:
    module, leaves = grown(tree), expected(tree)
    assert list(module.state_dict()) == [name for name, _, _ in leaves]
    for kind, found in (
        ("parameter", module.named_parameters()),
        ("buffer", module.named_buffers()),
    ):
        wanted = [(name, shape) for name, its, shape in leaves if its == kind]
        assert [(name, leaf.shape) for name, leaf in found] == wanted


@given(st.dictionaries(names, trees, max_size=4))
def test_a_state_dict_loaded_into_a_twin_makes_it_equal(tree) -> None:
    one, other = grown(tree), grown(tree)
    arrays = list(other.state_dict().values())
    other.load_state_dict(one.state_dict())
    for mine, theirs, kept in zip(
        one.state_dict().values(), other.state_dict().values(), arrays, strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)
        assert theirs is kept, "loading must write into the arrays that optimisers hold"


@given(st.dictionaries(names, trees, min_size=1, max_size=4), st.data())
def test_a_state_that_does_not_fit_changes_nothing(tree, data) -> None:
    module = grown(tree)
    state = {name: np.zeros_like(array) for name, array in module.state_dict().items()}
    if not state:
        return
    name = data.draw(st.sampled_from(list(state)))
    if data.draw(st.booleans(), "drop it, or reshape it"):
        del state[name]
    else:
        state[name] = np.zeros((*state[name].shape, 2))
    before = {name: array.copy() for name, array in module.state_dict().items()}
    with pytest.raises(StateError, match="nothing was loaded"):
        module.load_state_dict(state)
    for name, array in module.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def small() -> Sequential:
    rng = np.random.default_rng(0)
    return Sequential(Linear(3, 4, rng=rng), BatchNorm(4), Dropout(0.5, rng=rng))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s.pop("0.bias"), r"0\.bias: missing; .* shape \(4,\)"),
        (lambda s: s.update(head=np.ones(2)), "head: unexpected"),
        (lambda s: s.update({"0.weight": np.ones((4, 3)).T}), r"0\.weight: shape \(3, 4\), exp"),
        (lambda s: s.update({"1.weight": np.array(list("abcd"))}), r"1\.weight: <U1"),
        (lambda s: s.update({"1.num_batches_tracked": np.array(1.5)}), "tracked: float64"),
    ],
)
def test_a_misfit_is_named_with_what_was_expected(change, says) -> None:
    model = small()
    state = model.state_dict()
    change(state)
    with pytest.raises(StateError, match=says):
        model.load_state_dict(state)


def test_all_misfits_are_told_at_once_and_a_flood_is_cut_short() -> None:
    model = small()
    with pytest.raises(StateError) as told:
        model.load_state_dict({"x": np.ones(1), "y": np.ones(1)})
    assert all(f"\n  {name}: " in str(told.value) for name in [*model.state_dict(), "x", "y"])
    with pytest.raises(StateError, match="and 38 more"):
        model.load_state_dict(model.state_dict() | {f"x{i}": np.ones(1) for i in range(50)})


def test_numbers_of_another_precision_are_converted() -> None:
    model = small()
    state = {name: array.astype(np.float64) for name, array in model.state_dict().items()}
    state["1.num_batches_tracked"] = np.array(7, np.int32)
    model.load_state_dict(state)
    assert {p.dtype for p in model.parameters()} == {np.dtype(np.float32)}
    assert vars(model)["1"].num_batches_tracked == 7


def tied() -> Holder:
    one, other = Linear(3, 3, rng=RNG), Linear(3, 3, rng=RNG)
    other.weight = one.weight
    return Holder(one=one, other=other, again=[one])


def test_tied_weights_are_one_parameter_with_several_names() -> None:
    module = tied()
    assert [name for name, _ in module.named_parameters()] == [
        "one.weight", "one.bias", "other.bias",
    ]  # fmt: skip
    state = module.state_dict()
    assert state["one.weight"] is state["other.weight"] is state["again.0.weight"]
    copied = copy.deepcopy(module)
    assert copied.one.weight is copied.other.weight
    assert copied.one.weight is not module.one.weight


def test_tied_weights_that_differ_in_a_file_are_refused() -> None:
    module = tied()
    state = module.state_dict()
    state["other.weight"] = state["other.weight"] + 1
    with pytest.raises(StateError, match=r"other\.weight: differs from one\.weight.*tied"):
        module.load_state_dict(state)


def test_generators_are_found_once_each_and_stand_in_no_state_dict() -> None:
    shared, own = np.random.default_rng(1), np.random.default_rng(2)
    module = Holder(
        first=Dropout(0.1, rng=shared), rest=[Dropout(0.1, rng=shared), Dropout(0.1, rng=own)]
    )
    assert module.generators() == {"first.rng": shared, "rest.1.rng": own}
    assert module.state_dict() == {}


def test_modes_reach_every_module_and_come_back() -> None:
    model = Holder(a=[small(), {"b": small()}], c=small())
    assert all(module.training for _, module in model.named_modules())
    assert model.eval() is model
    assert not any(module.training for _, module in model.named_modules())
    assert len(list(model.named_modules())) == 13
    model.train()
    assert all(module.training for _, module in model.named_modules())


def test_modules_are_named_as_they_are_reached() -> None:
    model = Holder(a=[small()], c=Holder())
    assert [name for name, _ in model.named_modules()] == [
        "",
        "a.0",
        "a.0.0",
        "a.0.1",
        "a.0.2",
        "c",
    ]


def test_zero_grad_forgets_all_gradients() -> None:
    model = Linear(2, 2, rng=RNG)
    model(np.ones((1, 2), np.float32)).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())


def test_what_is_computed_from_a_parameter_is_none() -> None:
    parameter = Parameter(np.ones(3))
    for y in (parameter * 2, np.exp(parameter), np.add(1, parameter), parameter.sum()):
        assert type(y) is Tensor
    assert Holder(w=parameter, cached=parameter * 2).parameters() == [parameter]


def test_a_parameter_of_one_number_can_be_loaded_into() -> None:
    module = Holder(temperature=Parameter(np.float32(1)))
    module.load_state_dict({"temperature": 3})
    assert module.temperature.item() == 3
    (module.temperature * 2).backward()
    assert module.temperature.grad == 2


def test_integers_are_no_parameters() -> None:
    with pytest.raises(TypeError, match="floating"):
        Parameter(np.arange(3))
