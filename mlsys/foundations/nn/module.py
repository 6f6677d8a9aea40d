"""A model is a tree of named arrays: parameters to be trained, buffers to be kept.

    TransformerLM                      state dict: one entry a leaf
    ├─ tokens    Embedding             tokens.weight                       (V, d)
    ├─ blocks    list                  blocks.0.self_attn.in_proj_weight   (3 d, d)
    │  └─ 0      TransformerBlock      blocks.0.norm1.weight               (d,)
    └─ norm      LayerNorm             norm.weight                         (d,)

The tree is found by looking at the attributes when it is asked for; nothing is registered. The
dotted names are an interface: whoever renames an attribute breaks every file written before.
Source: Paszke et al., "PyTorch: an imperative style, high-performance deep learning library",
NeurIPS 2019, whose names and layouts these modules share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self, TypeVar

import numpy as np

from mlsys.foundations.autodiff import Tensor
from mlsys.foundations.autodiff.graph import Array


class Parameter(Tensor):
    """A leaf that training changes: a Tensor that wants a gradient and knows that it is state.

    data: a floating-point array, which the parameter takes over without a copy.
    """

    __slots__ = ()

    def __init__(self, data: Any) -> None:
        super().__init__(data, requires_grad=True)
        self.data = np.asarray(self.data)  # an array even of shape (): loading writes into it


Leaf = Parameter | Array | np.random.Generator
T = TypeVar("T")


class Module:
    """A function with state. Subclasses set attributes and define ``forward``.

    What belongs to the tree is seen in ``vars(self)``, in lists, tuples and dicts too: a Parameter
    is trained; a plain array is a buffer, kept in the state dict and changed by no gradient; a
    Generator is where a module draws from; a Module is a subtree.
    """

    training = True
    forward: Callable[..., Any]

    def __call__(self, *inputs: Any) -> Any:
        """What ``forward`` computes."""
        return self.forward(*inputs)

    # ------------------------------------------------------------ the tree

    def leaves(self, prefix: str = "") -> Iterator[tuple[str, Leaf]]:
        """Parameters, buffers and generators by dotted name, in the order of definition.

        One that is reached by two paths comes twice.
        """
        for name, value in _members(vars(self), prefix):
            if isinstance(value, Module):
                yield from value.leaves(f"{name}.")
            elif isinstance(value, (Parameter, np.ndarray, np.random.Generator)):
                yield name, value

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module, named ``""``, and all below it; a shared one once for each path."""
        yield prefix.removesuffix("."), self
        for name, value in _members(vars(self), prefix):
            if isinstance(value, Module):
                yield from value.named_modules(f"{name}.")

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Each parameter once, under the first of its names: tied weights are one parameter."""
        return _once(self.leaves(), Parameter)

    def named_buffers(self) -> Iterator[tuple[str, Array]]:
        """Each buffer once, under the first of its names."""
        return _once(self.leaves(), np.ndarray)

    def parameters(self) -> list[Parameter]:
        """What an optimiser should hold."""
        return [parameter for _, parameter in self.named_parameters()]

    def generators(self) -> dict[str, np.random.Generator]:
        """The random generators in the tree, each once: state that a state dict cannot hold."""
        return dict(_once(self.leaves(), np.random.Generator))

    # ------------------------------------------------------------ its serial form

    def state_dict(self) -> dict[str, Array]:
        """Parameters and buffers by dotted name: the live arrays, not copies.

        Tied weights appear under each of their names, as in PyTorch.
        """
        return {
            name: leaf.data if isinstance(leaf, Parameter) else leaf
            for name, leaf in self.leaves()
            if not isinstance(leaf, np.random.Generator)
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Copy the arrays into this tree: all of them or, if one does not fit, none.

        Floating-point numbers are converted to this tree's precision. Raises StateError with every
        key that is missing, unexpected, of another shape or kind, or at odds with its tied twin.
        """
        own = self.state_dict()
        arrays = {name: np.asarray(value) for name, value in state.items()}
        misfits = list(_misfits(own, arrays))
        if misfits:
            shown = [*misfits[:12], *([f"and {len(misfits) - 12} more"] if misfits[12:] else [])]
            raise StateError("\n  ".join([f"{type(self).__name__}: nothing was loaded:", *shown]))
        for name, array in own.items():
            array[...] = arrays[name]

    # ------------------------------------------------------------ modes and gradients

    def train(self, mode: bool = True) -> Self:
        """Switch every module of the tree to training, or not: dropout and batch norm differ."""
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Switch every module of the tree to inference."""
        return self.train(False)

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = None


class StateError(ValueError):
    """A state dict does not fit the module it was meant for."""


def _members(container: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """A container's values by dotted name; lists, tuples and dicts in it are opened."""
    pairs = container.items() if isinstance(container, dict) else enumerate(container)
    for key, value in pairs:
        if isinstance(value, (list, tuple, dict)):
            yield from _members(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _once(leaves: Iterable[tuple[str, Any]], kind: type[T]) -> Iterator[tuple[str, T]]:
    """The leaves of one kind, each object under the first of its names."""
    seen = set()
    for name, leaf in leaves:
        if isinstance(leaf, kind) and id(leaf) not in seen:
            seen.add(id(leaf))
            yield name, leaf


def _misfits(own: Mapping[str, Array], state: Mapping[str, Array]) -> Iterator[str]:
    """One line for each reason why the state cannot be loaded into our arrays."""
    twins: dict[int, str] = {}
    for name, array in own.items():
        if name not in state:
            yield f"{name}: missing; this module has one of shape {array.shape}"
            continue
        came = state[name]
        if came.shape != array.shape:
            yield f"{name}: shape {came.shape}, expected {array.shape}"
        elif not np.can_cast(came.dtype, array.dtype, "same_kind"):
            yield f"{name}: {came.dtype}, which is not converted to {array.dtype}"
        twin = twins.setdefault(id(array), name)
        if twin in state and not np.array_equal(state[twin], came, equal_nan=True):
            yield f"{name}: differs from {twin}, but here the two are one array (tied weights)"
    for name in state:
        if name not in own:
            yield f"{name}: unexpected; this module has no such parameter or buffer"
