"""Whole training steps against PyTorch eager: forward, backward and the optimiser.

    python benchmarks/bench_training.py                    all cases, writes results/training.json
    python benchmarks/bench_training.py --quick            a minute: few rounds, writes nothing
    python benchmarks/bench_training.py --case transformer

Both sides have the same first weights and must agree, after three steps, on the losses and on every
parameter. PyTorch runs with its fused optimisers, its quickest on a processor.
"""

from __future__ import annotations

import sys
from typing import Any

from command import Entrant, Heat, Race, drawing, main
from engines.models import Convolutional, Language, OurModels, Perceptron
from race import Case


def heats() -> list[Heat]:
    """All that is raced, in reading order: the smaller the arrays, the more the books cost."""
    found = []
    for batch, target in ((64, 1.0), (512, 0.9)):
        title = f"perceptron 784-128-10, SGD with momentum, batch {batch}"
        case = Case(f"mlp-{batch}", "mlp", title, "step", tolerance=1e-3)
        found.append(Heat(case, drawing(Perceptron.draw, batch), "mlp", {"torch": target}))
    for side, channels, target in ((8, (16, 32), 0.5), (28, (8, 16), 0.4)):
        title = f"two blocks of convolution, {side} x {side} pixels, AdamW, batch 64"
        case = Case(f"cnn-{side}", "cnn", title, "step", tolerance=2e-3)
        found.append(
            Heat(case, drawing(Convolutional.draw, 64, side, *channels), "cnn", {"torch": target})
        )
    for width, layers, target in ((64, 2, 0.7), (128, 4, 0.7)):
        title = f"transformer, {layers} layers of width {width}, batch 16 x 64 tokens, AdamW"
        case = Case(f"transformer-{width}", "transformer", title, "step", tolerance=2e-3)
        draw = drawing(Language.draw, 16, 64, width, layers)
        found.append(Heat(case, draw, "transformer", {"torch": target}))
    return found


def _pytorch() -> Any:
    from engines.pytorch_models import PyTorchModels

    return PyTorchModels()


RACE = Race(
    chapter="training",
    about=__doc__,
    ours=OurModels,
    heats=heats(),
    entrants=[Entrant("torch", "PyTorch eager", _pytorch, "pip install torch")],
)

if __name__ == "__main__":
    sys.exit(main(RACE, sys.argv[1:]))
