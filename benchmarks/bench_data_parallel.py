"""Data-parallel training on two ranks against PyTorch's DDP on gloo, and what communication costs.

    python benchmarks/bench_data_parallel.py               all cases, writes results/...
    python benchmarks/bench_data_parallel.py --quick       a minute: few rounds, writes nothing
    python benchmarks/bench_data_parallel.py --case transformer

Each rank trains on a batch of its own, from the same first weights, and after three steps both
sides must agree on the losses and on every parameter. Ours is ``DistributedOptimizer`` on Open MPI,
round our own models and optimisers, or round PyTorch's (*around PyTorch*: there both sides run the
same model, so that only the averaging differs). DDP is set to keep gradients in its buckets, its
quickest way. *Alone* is the same step with nobody to wait for: one minus that ratio is the share of
communication. *Tensors* is a step of the reducer without a model; *unfused* gives each tensor a
bucket of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from command import Entrant, Heat, Race, main
from engines.collectives import JobClock
from engines.jobs import Jobs
from engines.trainers import Trainer, Training, gradient_bytes
from machine import version_of
from race import Case

JOBS = Jobs("training_kernels")
CLOCK = JobClock(JOBS, near=False)
MLP = "perceptron 784-128-10, batch {} a rank"
LANGUAGE = "transformer, 2 layers of width {}, batch 16 x 64 tokens a rank"
UNIT = "step"


MODELS = {  # name: title, problem, sizes, target
    "mlp-64": (MLP.format(64), "mlp", (64,), 1.0),
    "mlp-512": (MLP.format(512), "mlp", (512,), 0.9),
    "transformer-64": (LANGUAGE.format(64), "transformer", (16, 64, 64, 2), 0.7),
    "transformer-128": (LANGUAGE.format(128), "transformer", (16, 64, 128, 2), 0.7),
}


def heats() -> list[Heat]:
    """Models with our optimiser and with PyTorch's, then tensors alone."""
    found = []
    for name, (title, problem, sizes, target) in MODELS.items():
        case = Case(name, "ours", title, UNIT, tolerance=2e-3)
        found.append(_heat(case, Training(problem, sizes), {"ddp": target, "alone": None}))
        case = Case(f"{name}-torch", "torch", f"{title}, around PyTorch", UNIT, tolerance=2e-3)
        found.append(_heat(case, Training(problem, sizes, "around torch"), {"ddp": 1.0}))
    for count, elements, target in ((100, 1024, 5.0), (10, 1 << 18, None)):
        title = f"{count} tensors of {elements * 4 // 1024:,} KiB"
        case = Case(f"tensors-{count}", "tensors", title, UNIT)
        found.append(_heat(case, Training("tensors", (count, elements)), {"unfused": target}))
    return found


def _bytes() -> dict[str, Any]:
    """How much each model's gradients are."""
    sizes = {name: (problem, sizes) for name, (_, problem, sizes, _) in MODELS.items()}
    return {"gradient_bytes": {name: gradient_bytes(*of) for name, of in sizes.items()}}


def _heat(case: Case, problem: Training, targets: dict[str, float | None]) -> Heat:
    return Heat(case, lambda _: problem, "step", targets)


def _of(kernel: str, package: str, library: str) -> Callable[[], Any]:
    def construct() -> Trainer:
        version = version_of(package)
        if version is None:
            raise ImportError(f"{package} is not installed")
        return Trainer(JOBS, CLOCK, kernel, version, library)

    return construct


RACE = Race(
    chapter="data_parallel",
    about=__doc__,
    ours=_of("", "mlsys", "open mpi"),
    heats=heats(),
    entrants=[
        Entrant("ddp", "PyTorch DDP, gloo", _of("ddp", "torch", "gloo"), "pip install torch"),
        Entrant("alone", "ours, alone", _of("alone", "mlsys", "open mpi")),
        Entrant("unfused", "ours, unfused", _of("unfused", "mlsys", "open mpi")),
    ],
    processes=True,
    clock=("wall time of the slowest rank", CLOCK),
    facts=_bytes,
)

if __name__ == "__main__":
    try:
        status = main(RACE, sys.argv[1:])
    finally:
        JOBS.close()
    sys.exit(status)
