"""Our engine, used as a reader would use it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from race import Entry, Results

from engines.problems import CNN, MLP, Attention, Chain, Convolution, compared
from mlsys.foundations import autodiff as ad
from mlsys.foundations.autodiff import Tensor


class Ours:
    """mlsys.foundations.autodiff."""

    title = "mlsys"

    def operations(self, p: Chain) -> Entry:
        """The chain, forward and backward."""
        h0, w, b = leaves = _leaves(p.h, p.w, p.b)

        def work() -> None:
            _forget(leaves)
            _chain(h0, w, b, p.operations).backward(p.g)

        def results() -> Results:
            work()
            return _named(leaves)

        return Entry(work, results)

    def forward(self, p: Chain) -> Entry:
        """The chain, forward only, recorded."""
        leaves = _leaves(p.h, p.w, p.b)
        work = lambda: _chain(*leaves, p.operations)  # noqa: E731
        return Entry(work, lambda: {"h": work().numpy()})

    def backward(self, p: Chain) -> Entry:
        """The chain's gradient alone, on a graph that is kept."""
        leaves = _leaves(p.h, p.w, p.b)
        h = _chain(*leaves, p.operations)

        def work() -> None:
            _forget(leaves)
            h.backward(p.g, retain_graph=True)

        def results() -> Results:
            work()
            return _named(leaves)

        return Entry(work, results)

    def mlp(self, p: MLP) -> Entry:
        """One training step."""
        x, weights = Tensor(p.x), _leaves(*p.weights)
        W1, b1, W2, b2 = weights

        def loss() -> Tensor:
            return ad.cross_entropy(ad.linear(ad.linear(x, W1, b1).relu(), W2, b2), p.labels)

        return _training(loss, weights, p.rate)

    def cnn(self, p: CNN) -> Entry:
        """One training step."""
        x, weights = Tensor(p.x), _leaves(*p.weights)
        W1, W2, W3, b3 = weights

        def loss() -> Tensor:
            h = ad.max_pool2d(ad.conv2d(x, W1, padding=1).relu(), 2)
            h = ad.max_pool2d(ad.conv2d(h, W2, padding=1).relu(), 2)
            return ad.cross_entropy(ad.linear(h.reshape(len(p.x), -1), W3, b3), p.labels)

        return _training(loss, weights, p.rate)

    def convolution(self, p: Convolution) -> Entry:
        """Forward and backward."""
        x, W = leaves = _leaves(p.x, p.W)

        def work() -> Tensor:
            _forget(leaves)
            y = ad.conv2d(x, W, padding=1)
            y.backward(p.g)
            return y

        def results() -> Results:
            return {"y": work().numpy(), "gradient of x": x.grad, "gradient of W": W.grad}

        return Entry(work, results)

    def attention(self, p: Attention) -> Entry:
        """Forward and backward."""
        leaves = _leaves(p.x, *p.weights)
        x, Wq, bq, Wk, bk, Wv, bv, Wo, bo = leaves
        B, T, D = p.x.shape

        def heads(y: Tensor) -> Tensor:
            return y.reshape(B, T, p.heads, D // p.heads).swapaxes(1, 2)

        def work() -> Tensor:
            _forget(leaves)
            q, k, v = ad.linear(x, Wq, bq), ad.linear(x, Wk, bk), ad.linear(x, Wv, bv)
            mixed = ad.attention(heads(q), heads(k), heads(v), causal=True)
            y = ad.linear(mixed.swapaxes(1, 2).reshape(B, T, D), Wo, bo)
            y.backward(p.g)
            return y

        def results() -> Results:
            y = work().numpy()
            return {"y": y} | {name: leaf.grad for name, leaf in compared(leaves).items()}

        return Entry(work, results)


def _chain(h: Tensor, w: Tensor, b: Tensor, operations: int) -> Tensor:
    for _ in range(operations // 2):
        h = h * w
        h = h + b
    return h


def _named(leaves: list[Tensor]) -> Results:
    names = ("gradient of h", "gradient of w", "gradient of b")
    return {name: leaf.grad for name, leaf in zip(names, leaves, strict=True)}


def _training(loss: Callable[[], Tensor], weights: list[Tensor], rate: float) -> Entry:
    """An entry of one SGD step; its results are loss and gradients at the first weights."""
    first = [weight.data.copy() for weight in weights]

    def gradients() -> float:
        value = loss()
        _forget(weights)
        value.backward()
        return value.item()

    def work() -> None:
        gradients()
        for weight in weights:
            weight.grad *= rate
            weight.data -= weight.grad

    def results() -> Results:
        for weight, data in zip(weights, first, strict=True):
            weight.data[...] = data
        found = {"loss": np.array(gradients())}
        return found | {f"gradient {i}": weight.grad for i, weight in enumerate(weights)}

    return Entry(work, results)


def _leaves(*arrays: np.ndarray) -> list[Tensor]:
    return [Tensor(array.copy(), requires_grad=True) for array in arrays]


def _forget(leaves: list[Tensor]) -> None:
    for leaf in leaves:
        leaf.grad = None
