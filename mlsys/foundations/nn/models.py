"""Two models for images: layers in a row, written down in one expression each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from mlsys.foundations.nn.initialization import he_normal
from mlsys.foundations.nn.layers import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential
from mlsys.foundations.nn.module import Module
from mlsys.foundations.nn.normalization import BatchNorm


class MLP(Sequential):
    """Flatten, then linear layers of these sizes with a ReLU between two of them.

    sizes: features of an example, hidden widths, outputs. Named as in ``torch.nn.Sequential``.
    """

    def __init__(
        self, sizes: Sequence[int], *, rng: np.random.Generator, dtype: Any = np.float32
    ) -> None:
        layers: list[Module] = [Flatten()]
        for inputs, outputs in pairwise(sizes):
            layers += [Linear(inputs, outputs, rng=rng, dtype=dtype, initial=he_normal), ReLU()]
        super().__init__(*layers[:-1])


class CNN(Sequential):
    """For images (n, 1, side, side): blocks of convolution, batch norm, ReLU and pooling; a head.

    channels: outputs of each block, which halves the side; ValueError if it cannot be halved.
    """

    def __init__(
        self,
        classes: int = 10,
        channels: Sequence[int] = (16, 32),
        side: int = 8,
        *,
        rng: np.random.Generator,
        dtype: Any = np.float32,
    ) -> None:
        if side % 2 ** len(channels):
            raise ValueError(f"CNN: a side of {side} cannot be halved {len(channels)} times")
        layers: list[Module] = []
        for inputs, outputs in pairwise((1, *channels)):
            layers += [
                Conv2d(
                    inputs,
                    outputs,
                    3,
                    padding=1,
                    bias=False,
                    rng=rng,
                    dtype=dtype,
                    initial=he_normal,
                ),
                BatchNorm(outputs, dtype=dtype),
                ReLU(),
                MaxPool2d(2),
            ]
        features = channels[-1] * (side // 2 ** len(channels)) ** 2
        super().__init__(*layers, Flatten(), Linear(features, classes, rng=rng, dtype=dtype))
