"""Optimisers: what one step does to the parameters, given their gradients.

Each rule is a function on arrays, in the letters of its paper. An optimiser applies it to every
parameter and owns what the rule remembers (a velocity, two moments), which is as much a part of the
run as the parameters are. AdamW reads and writes four arrays of the size of the model, so it is
memory traffic and nothing else; the classes run the same lines without making new arrays.
Source: Sutskever et al., ICML 2013 (momentum); Loshchilov & Hutter, ICLR 2019 (AdamW).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import numpy as np

from mlsys.foundations.autodiff import Tensor
from mlsys.foundations.autodiff.graph import Array

Parameters: TypeAlias = Iterable[Tensor] | Iterable[tuple[str, Tensor]]


def sgd(
    p: Array,
    g: Array,
    velocity: Array,
    lr: float,
    momentum: float = 0.0,
    nesterov: bool = False,
    weight_decay: float = 0.0,
) -> None:
    """One step of gradient descent with momentum; changes p and velocity in place.

    p, g, velocity: a parameter, its gradient, and a running sum of gradients that starts at zero;
        of one shape and precision. g is left as it is.
    The velocity v becomes momentum * v + d with d = g + weight_decay * p, and p moves by -lr * v;
    with nesterov by -lr * (d + momentum * v), the velocity as the next step would see it.

    >>> p, velocity = np.array([1.0]), np.array([0.0])
    >>> sgd(p, np.array([2.0]), velocity, lr=0.1)
    >>> p
    array([0.8])
    """
    d = g + weight_decay * p
    velocity[...] = momentum * velocity + d
    p -= lr * (d + momentum * velocity if nesterov else velocity)


def adamw(
    p: Array,
    g: Array,
    m: Array,
    v: Array,
    t: int,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.01,
) -> None:
    """Step t (the first is 1) of Adam with decoupled weight decay; changes p, m and v in place.

    p, g, m, v: a parameter, its gradient, and the running means of g and of g * g, which start at
        zero; of one shape and precision. g is left as it is.
    After t steps a mean that started at zero is too small by the factor 1 - beta ** t, and is
    divided by it. The decay multiplies p by 1 - lr * weight_decay and does not enter the means.

    >>> p, m, v = np.array([1.0]), np.array([0.0]), np.array([0.0])
    >>> adamw(p, np.array([1e-3]), m, v, t=1, lr=0.1, weight_decay=0.0)
    >>> p.round(4)
    array([0.9])
    """
    b1, b2 = betas
    m[...] = b1 * m + (1 - b1) * g
    v[...] = b2 * v + (1 - b2) * g**2
    m_hat = m / (1 - b1**t)
    v_hat = v / (1 - b2**t)
    p *= 1 - lr * weight_decay
    p -= lr * m_hat / (np.sqrt(v_hat) + eps)


class Optimizer:
    """Applies a rule to every parameter; owns the rule's arrays, one of each kind a parameter.

    parameters: tensors, or pairs of a name and a tensor such as ``model.named_parameters()``; the
        names (else 0, 1, ...) stand in the state and in errors.
    lr: the step size; a schedule assigns to it before each step.
    slots: names of the arrays that the rule remembers for each parameter; they start at zero.

    A subclass writes ``update``. Parameters without a gradient are left alone.
    """

    def __init__(self, parameters: Parameters, lr: float, slots: tuple[str, ...]) -> None:
        self.names, self.parameters = _named(parameters)
        self.lr = lr
        self.count = 0  # steps taken
        self.slots = {slot: [np.zeros_like(p.data) for p in self.parameters] for slot in slots}
        size = max(p.data.nbytes for p in self.parameters)
        self._scratch = np.empty(size, np.uint8)

    def step(self) -> None:
        """Move every parameter that has a gradient, in place."""
        self.count += 1
        for p, *slots in zip(self.parameters, *self.slots.values(), strict=True):
            if p.grad is not None:
                self.update(p.data, p.grad, *slots)

    def update(self, p: Array, g: Array, *slots: Array) -> None:
        """Apply the rule to one parameter in place; slots in the order of ``self.slots``."""
        raise NotImplementedError("a subclass of Optimizer must write update(p, g, *slots)")

    def zero_grad(self) -> None:
        """Forget all gradients; ``backward`` adds to what is there."""
        for p in self.parameters:
            p.grad = None

    def scratch(self, p: Array) -> Array:
        """Memory of p's shape and precision for intermediate results; the same at each call."""
        return self._scratch[: p.nbytes].view(p.dtype).reshape(p.shape)

    def state_dict(self) -> dict[str, Array]:
        """The count of steps and every slot, as ``slot.name``: the arrays themselves, no copies."""
        state = {
            f"{slot}.{name}": array
            for slot, arrays in self.slots.items()
            for name, array in zip(self.names, arrays, strict=True)
        }
        return {"count": np.array(self.count), **state}

    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """Copy a state in. Raises ValueError, and changes nothing, unless names and shapes fit."""
        mine = self.state_dict()
        if misfit := misfits(mine, state):
            raise ValueError(
                f"{type(self).__name__}: this state is of other parameters: {misfit}; build the "
                f"optimiser as it was when the state was saved, or start without a state"
            )
        self.count = int(state["count"])
        for name, array in mine.items():
            array[...] = state[name]


class SGD(Optimizer):
    """Gradient descent with momentum: ``sgd`` on every parameter. As ``torch.optim.SGD``."""

    def __init__(
        self,
        parameters: Parameters,
        lr: float,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        if nesterov and not momentum:
            raise ValueError("SGD: nesterov looks ahead along the velocity; give a momentum > 0")
        super().__init__(parameters, lr, ("velocity",) if momentum else ())
        self.momentum, self.nesterov, self.weight_decay = momentum, nesterov, weight_decay

    def update(self, p: Array, g: Array, *slots: Array) -> None:
        """``sgd`` without new arrays; without momentum there is no velocity to keep."""
        s = self.scratch(p)
        if self.weight_decay:
            g = np.add(g, np.multiply(p, self.weight_decay, out=s), out=s)
        if slots:
            (velocity,) = slots
            velocity *= self.momentum
            velocity += g
            if self.nesterov:
                p -= np.multiply(g, self.lr, out=s)
                p -= np.multiply(velocity, self.lr * self.momentum, out=s)
                return
            g = velocity
        p -= np.multiply(g, self.lr, out=s)


class AdamW(Optimizer):
    """Adam with decoupled weight decay: ``adamw`` on every parameter. As ``torch.optim.AdamW``."""

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(parameters, lr, ("m", "v"))
        self.betas, self.eps, self.weight_decay = betas, eps, weight_decay

    def update(self, p: Array, g: Array, *slots: Array) -> None:
        """``adamw`` without new arrays, the two corrections folded into one number."""
        (m, v), (b1, b2), s = slots, self.betas, self.scratch(p)
        m *= b1
        m += np.multiply(g, 1 - b1, out=s)
        v *= b2
        np.multiply(g, g, out=s)
        s *= 1 - b2
        v += s
        p *= 1 - self.lr * self.weight_decay
        root = float(np.sqrt(1 - b2**self.count))
        # sqrt(v_hat) + eps is (sqrt(v) + eps * root) / root
        np.sqrt(v, out=s)
        s += self.eps * root
        np.divide(m, s, out=s)
        s *= self.lr * root / (1 - b1**self.count)
        p -= s


def misfits(mine: Mapping[str, Array], theirs: Mapping[str, Array]) -> str:
    """What keeps the arrays in theirs from taking the places of mine; empty if nothing does.

    >>> misfits({"w": np.ones(2), "b": np.ones(1)}, {"w": np.ones(3)})
    'b is missing; w is float64 (3,), expected float64 (2,)'
    """
    rows = [f"{name} is missing" for name in mine if name not in theirs]
    rows += [f"{name} is not expected" for name in theirs if name not in mine]
    rows += [
        f"{name} is {_kind(theirs[name])}, expected {_kind(mine[name])}"
        for name in mine
        if name in theirs and _kind(theirs[name]) != _kind(mine[name])
    ]
    return "; ".join(rows[:4]) + (f"; and {len(rows) - 4} more" if len(rows) > 4 else "")


def _kind(array: Array) -> str:
    return f"{array.dtype} {array.shape}"


def _named(parameters: Parameters) -> tuple[list[str], list[Tensor]]:
    """Names and tensors, in order. Raises ValueError where there is nothing to move in place."""
    pairs = [
        item if isinstance(item, tuple) else (str(place), item)
        for place, item in enumerate(parameters)
    ]
    if not pairs:
        raise ValueError(
            "no parameters to optimise; if they came from a generator, it was used up: pass a list"
        )
    for name, p in pairs:
        if not isinstance(p.data, np.ndarray):
            raise ValueError(
                f"parameter {name} is one number, which cannot be changed in place; "
                f"give it the shape (1,)"
            )
    return [name for name, _ in pairs], [p for _, p in pairs]
