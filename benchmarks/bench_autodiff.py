"""Reverse mode against its peers: what one operation costs, and what whole training steps cost.

    python benchmarks/bench_autodiff.py                    all cases, writes results/autodiff.json
    python benchmarks/bench_autodiff.py --quick            a minute: few rounds, writes nothing
    python benchmarks/bench_autodiff.py --case mlp --case attention

PyTorch, autograd and micrograd are raced if they are installed (``pip install -e .[bench]``). Two
peers are no packages: give the checkout of a completed minitorch solution (``--minitorch``), and
the folder of the package that TinyTorch's ``src/`` exports (``--tinytorch``). A folder that is no
checkout is recorded under its own name: call it ``TinyTorch@02364f80``, say.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from command import Entrant, Heat, Race, drawing, main
from engines.problems import CNN, MLP, Attention, Chain, Convolution
from race import Case


def heats() -> list[Heat]:
    """All that is raced, in reading order."""
    return [*_operations(), *_steps(), *_layers()]


def _operations() -> list[Heat]:
    """A number is an array of shape (); engines of scalars have nothing else."""
    scalars: dict[str, float | None] = {"micrograd": None, "minitorch": None}
    arrays: dict[str, float | None] = {"torch": None, "autograd": None}
    found = []
    for size, words, shape, targets in (
        ("number", "a number", (), arrays | {"micrograd": 1.0, "minitorch": 7.0}),
        ("1", "1 element", (1,), {"torch": 2.5, "autograd": 10.0}),
        ("100", "100 elements", (100,), arrays),
        ("10000", "10,000 elements", (10_000,), arrays),
    ):
        for method, direction, goals in (
            ("operations", "forward and backward", targets),
            ("forward", "forward", arrays | ({} if shape else scalars)),
            ("backward", "backward", arrays),
        ):
            name = f"operation-{size}" + ("" if method == "operations" else f"-{method}")
            title = f"one operation on {words}, {direction}"
            case = Case(name, "operation", title, "operation", per_call=1000, tolerance=1e-3)
            found.append(Heat(case, drawing(Chain.draw, *shape), method, goals))
    return found


def _steps() -> list[Heat]:
    found = []
    for batch, against_torch in ((64, 1.25), (512, 1.1)):
        title = f"training step, perceptron 784-128-10, batch {batch}"
        case = Case(f"mlp-{batch}", "mlp", title, "step")
        # Within 10 % of the time by hand is a ratio of at least 1 / 1.1.
        targets = {"torch": against_torch, "by_hand": 1 / 1.1, "tinytorch": 30.0, "autograd": None}
        found.append(Heat(case, drawing(MLP.draw, batch), "mlp", targets))
    case = Case("cnn-64", "cnn", "training step, two convolutions, batch 64", "step")
    return [*found, Heat(case, drawing(CNN.draw, 64), "cnn", {"torch": 0.4})]


def _layers() -> list[Heat]:
    found = []
    for B, C, H, K, target in ((64, 1, 28, 8, 3.0), (64, 8, 14, 16, 0.4), (32, 16, 32, 32, 0.4)):
        title = f"convolution 3 x 3, {C} to {K} channels, {H} x {H} pixels, batch {B}"
        case = Case(f"conv-{C}-{K}", "conv", title, "forward and backward")
        found.append(
            Heat(case, drawing(Convolution.draw, B, C, H, K), "convolution", {"torch": target})
        )
    title = "causal attention, batch 16, 64 positions, width 128, 4 heads"
    case = Case("attention", "attention", title, "forward and backward")
    return [
        *found,
        Heat(case, drawing(Attention.draw, 16, 64, 128, 4), "attention", {"torch": 1.0}),
    ]


def _ours() -> Any:
    from engines.ours import Ours

    return Ours()


def _pytorch() -> Any:
    from engines.pytorch import PyTorch

    return PyTorch()


def _hips() -> Any:
    from engines.hips import HIPSAutograd

    return HIPSAutograd()


def _micrograd() -> Any:
    from engines.scalars import Micrograd

    return Micrograd()


def _minitorch(path: Path) -> Any:
    from engines.scalars import Minitorch

    return Minitorch(path)


def _tinytorch(path: Path) -> Any:
    from engines.tinytorch import TinyTorch

    return TinyTorch(path)


def _by_hand() -> Any:
    from engines.by_hand import ByHand

    return ByHand()


RACE = Race(
    chapter="autodiff",
    about=__doc__,
    ours=_ours,
    heats=heats(),
    entrants=[
        Entrant("torch", "PyTorch eager", _pytorch, "pip install torch"),
        Entrant("autograd", "HIPS autograd", _hips, "pip install autograd"),
        Entrant("micrograd", "micrograd", _micrograd, "pip install micrograd"),
        Entrant("minitorch", "minitorch scalars", _minitorch, "give --minitorch PATH", "minitorch"),
        Entrant("tinytorch", "TinyTorch", _tinytorch, "give --tinytorch PATH", "tinytorch"),
        Entrant("by_hand", "NumPy by hand", _by_hand),
    ],
    paths={"minitorch": "a completed solution", "tinytorch": "the exported package"},
)

if __name__ == "__main__":
    sys.exit(main(RACE, sys.argv[1:]))
