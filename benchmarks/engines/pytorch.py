"""PyTorch, eager, on one thread; updates by ``sub_`` in place, which is faster than torch.optim."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from race import Entry, Results

from engines.problems import CNN, MLP, Attention, Chain, Convolution, compared

Tensor = torch.Tensor


class PyTorch:
    """torch, eager."""

    title = "PyTorch eager"

    def __init__(self) -> None:
        torch.set_num_threads(1)
        self.version = torch.__version__

    def operations(self, p: Chain) -> Entry:
        """The chain, forward and backward."""
        h0, w, b = leaves = _leaves(p.h, p.w, p.b)
        g = torch.from_numpy(p.g)

        def work() -> None:
            _forget(leaves)
            _chain(h0, w, b, p.operations).backward(g)

        def results() -> Results:
            work()
            return _named(leaves)

        return Entry(work, results)

    def forward(self, p: Chain) -> Entry:
        """The chain, forward only, recorded."""
        leaves = _leaves(p.h, p.w, p.b)
        work = lambda: _chain(*leaves, p.operations)  # noqa: E731
        return Entry(work, lambda: {"h": work().detach().numpy()})

    def backward(self, p: Chain) -> Entry:
        """The chain's gradient alone, on a graph that is kept."""
        leaves = _leaves(p.h, p.w, p.b)
        h, g = _chain(*leaves, p.operations), torch.from_numpy(p.g)

        def work() -> None:
            _forget(leaves)
            h.backward(g, retain_graph=True)

        def results() -> Results:
            work()
            return _named(leaves)

        return Entry(work, results)

    def mlp(self, p: MLP) -> Entry:
        """One training step."""
        x, labels, weights = torch.from_numpy(p.x), torch.from_numpy(p.labels), _leaves(*p.weights)
        W1, b1, W2, b2 = weights

        def loss() -> Tensor:
            return F.cross_entropy(F.linear(F.linear(x, W1, b1).relu(), W2, b2), labels)

        return _training(loss, weights, p.rate)

    def cnn(self, p: CNN) -> Entry:
        """One training step."""
        x, labels, weights = torch.from_numpy(p.x), torch.from_numpy(p.labels), _leaves(*p.weights)
        W1, W2, W3, b3 = weights

        def loss() -> Tensor:
            h = F.max_pool2d(F.conv2d(x, W1, padding=1).relu(), 2)
            h = F.max_pool2d(F.conv2d(h, W2, padding=1).relu(), 2)
            return F.cross_entropy(F.linear(h.reshape(len(x), -1), W3, b3), labels)

        return _training(loss, weights, p.rate)

    def convolution(self, p: Convolution) -> Entry:
        """Forward and backward."""
        x, W = leaves = _leaves(p.x, p.W)
        g = torch.from_numpy(p.g)

        def work() -> Tensor:
            _forget(leaves)
            y = F.conv2d(x, W, padding=1)
            y.backward(g)
            return y

        def results() -> Results:
            y = work().detach().numpy()
            return {"y": y, "gradient of x": x.grad.numpy(), "gradient of W": W.grad.numpy()}

        return Entry(work, results)

    def attention(self, p: Attention) -> Entry:
        """Forward and backward, with ``scaled_dot_product_attention``."""
        leaves = _leaves(p.x, *p.weights)
        x, Wq, bq, Wk, bk, Wv, bv, Wo, bo = leaves
        g = torch.from_numpy(p.g)
        B, T, D = p.x.shape

        def heads(y: Tensor) -> Tensor:
            return y.reshape(B, T, p.heads, D // p.heads).transpose(1, 2)

        def work() -> Tensor:
            _forget(leaves)
            q, k, v = F.linear(x, Wq, bq), F.linear(x, Wk, bk), F.linear(x, Wv, bv)
            mixed = F.scaled_dot_product_attention(heads(q), heads(k), heads(v), is_causal=True)
            y = F.linear(mixed.transpose(1, 2).reshape(B, T, D), Wo, bo)
            y.backward(g)
            return y

        def results() -> Results:
            y = work().detach().numpy()
            return {"y": y} | {name: leaf.grad.numpy() for name, leaf in compared(leaves).items()}

        return Entry(work, results)


def _chain(h: Tensor, w: Tensor, b: Tensor, operations: int) -> Tensor:
    for _ in range(operations // 2):
        h = h * w
        h = h + b
    return h


def _named(leaves: list[Tensor]) -> Results:
    names = ("gradient of h", "gradient of w", "gradient of b")
    return {name: leaf.grad.numpy() for name, leaf in zip(names, leaves, strict=True)}


def _training(loss: Callable[[], Tensor], weights: list[Tensor], rate: float) -> Entry:
    """An entry of one SGD step; its results are loss and gradients at the first weights."""
    first = [weight.detach().clone() for weight in weights]

    def gradients() -> float:
        value = loss()
        _forget(weights)
        value.backward()
        return value.item()

    def work() -> None:
        gradients()
        with torch.no_grad():
            for weight in weights:
                weight.sub_(weight.grad, alpha=rate)

    def results() -> Results:
        with torch.no_grad():
            for weight, data in zip(weights, first, strict=True):
                weight.copy_(data)
        found = {"loss": np.array(gradients())}
        return found | {f"gradient {i}": weight.grad.numpy() for i, weight in enumerate(weights)}

    return Entry(work, results)


def _leaves(*arrays: np.ndarray) -> list[Tensor]:
    return [torch.from_numpy(array.copy()).requires_grad_() for array in arrays]


def _forget(leaves: list[Tensor]) -> None:
    for leaf in leaves:
        leaf.grad = None
