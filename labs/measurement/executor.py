"""Layers done in plain NumPy, on arrays that count what is done to them: the price of each."""

from __future__ import annotations

import numpy as np

from mlsys.foundations.measurement.counted import FLOPS, Counted
from mlsys.foundations.measurement.meter import Meter


class Run:
    """One run of a layer: counted arrays to draw, and the sizes of the results kept."""

    def __init__(self, rng):
        self.rng, self.meter = rng, Meter()
        self.parameters = self.activations = 0

    def input(self, *shape):
        return Counted(self.rng.standard_normal(shape), self.meter)

    def weight(self, *shape):
        self.parameters += int(np.prod(shape))
        return self.input(*shape)

    def kept(self, array):
        self.activations += array.size
        return array

    @property
    def flops(self):
        return self.meter.operations[FLOPS]


def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def run_convolution(run, batch, inputs, outputs, height, width, kernel, stride, padding, groups):
    """Every group is a convolution of its own, done as a product over unfolded windows."""
    x, edge = run.input(batch, inputs, height, width), (padding, padding)
    x = np.pad(np.asarray(x), ((0, 0), (0, 0), edge, edge))
    windows = np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride].transpose(0, 2, 3, 1, 4, 5)
    results = []
    for part in np.split(windows, groups, axis=3):
        columns = Counted(part.reshape(-1, inputs // groups * kernel**2), run.meter)
        y = columns @ run.weight(columns.shape[1], outputs // groups)
        results.append(y + run.weight(outputs // groups))
    run.kept(np.concatenate([np.asarray(y) for y in results], axis=1))


def run_attention(run, batch, length, width, heads, kv_heads):
    """Heads of one group look at the same keys and values; sharing copies and computes nothing."""
    d = width // heads
    x = run.input(batch * length, width)
    q, k, v = (
        run.kept(x @ run.weight(width, n * d)).reshape(batch, length, n, d).swapaxes(1, 2)
        for n in (heads, kv_heads, kv_heads)
    )
    shared = np.arange(heads) // (heads // kv_heads)
    p = run.kept(softmax(q @ k[:, shared].swapaxes(-1, -2) * d**-0.5))
    o = run.kept(p @ v[:, shared]).swapaxes(1, 2).reshape(batch * length, width)
    run.kept(o @ run.weight(width, width))


def run_mixture(run, width, hidden, experts, routing):
    """Each expert sees the rows of the tokens that chose it; returns the experts that ran."""
    tokens, ran = len(routing), []
    x = run.input(tokens, width)
    gates = run.kept(softmax(run.kept(x @ run.weight(width, experts))))
    y = run.kept(Counted(np.zeros((tokens, width)), run.meter))
    for e in range(experts):
        up, down = run.weight(width, hidden), run.weight(hidden, width)
        rows = np.flatnonzero((routing == e).any(axis=1))
        if len(rows):
            ran.append(up.size + down.size)
            a = run.kept(np.maximum(run.kept(x[rows] @ up), 0))
            y[rows] = y[rows] + gates[rows, e : e + 1] * run.kept(a @ down)
    return ran
