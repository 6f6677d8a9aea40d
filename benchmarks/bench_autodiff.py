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

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import machine
import numpy as np
from engines.problems import CNN, MLP, Attention, Chain, Convolution
from race import CLOCK_NAME, Case, Disagreement, Peer, Report, Row, Track, settle_garbage
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

RESULT = Path(__file__).parent / "results" / "autodiff.json"
SEED = 20


@dataclass(frozen=True)
class Heat:
    """A case, how to draw its problem, the engines' method for it, and the target for each peer.

    A target is the least ratio of the peer's time to ours; None: for reading only.
    """

    case: Case
    draw: Callable[[np.random.Generator], Any]
    method: str
    targets: dict[str, float | None]


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
            found.append(Heat(case, _bind(Chain.draw, *shape), method, goals))
    return found


def _steps() -> list[Heat]:
    found = []
    for batch, against_torch in ((64, 1.25), (512, 1.1)):
        title = f"training step, perceptron 784-128-10, batch {batch}"
        case = Case(f"mlp-{batch}", "mlp", title, "step")
        # Within 10 % of the time by hand is a ratio of at least 1 / 1.1.
        targets = {"torch": against_torch, "by_hand": 1 / 1.1, "tinytorch": 30.0, "autograd": None}
        found.append(Heat(case, _bind(MLP.draw, batch), "mlp", targets))
    case = Case("cnn-64", "cnn", "training step, two convolutions, batch 64", "step")
    return [*found, Heat(case, _bind(CNN.draw, 64), "cnn", {"torch": 0.4})]


def _layers() -> list[Heat]:
    found = []
    for B, C, H, K, target in ((64, 1, 28, 8, 3.0), (64, 8, 14, 16, 0.4), (32, 16, 32, 32, 0.4)):
        title = f"convolution 3 x 3, {C} to {K} channels, {H} x {H} pixels, batch {B}"
        case = Case(f"conv-{C}-{K}", "conv", title, "forward and backward")
        found.append(
            Heat(case, _bind(Convolution.draw, B, C, H, K), "convolution", {"torch": target})
        )
    title = "causal attention, batch 16, 64 positions, width 128, 4 heads"
    case = Case("attention", "attention", title, "forward and backward")
    return [*found, Heat(case, _bind(Attention.draw, 16, 64, 128, 4), "attention", {"torch": 1.0})]


def _bind(draw: Callable[..., Any], *sizes: int) -> Callable[[np.random.Generator], Any]:
    return lambda rng: draw(rng, *sizes)


def enter(minitorch: Path | None, tinytorch: Path | None) -> tuple[list[Peer], dict[str, Any]]:
    """Every peer, and the engines of those that are here."""
    from engines.by_hand import ByHand

    peers, engines = [], {}
    for name, title, construct, remedy in (
        ("torch", "PyTorch eager", _pytorch, "pip install torch"),
        ("autograd", "HIPS autograd", _hips, "pip install autograd"),
        ("micrograd", "micrograd", _micrograd, "pip install micrograd"),
        ("minitorch", "minitorch scalars", _at(minitorch, _minitorch), "give --minitorch PATH"),
        ("tinytorch", "TinyTorch", _at(tinytorch, _tinytorch), "give --tinytorch PATH"),
        ("by_hand", "NumPy by hand", ByHand, ""),
    ):
        try:
            engines[name] = construct()
            peers.append(Peer(name, title, engines[name].version))
        except ImportError as error:
            peers.append(Peer(name, title, note=f"{remedy} ({error})"))
    return peers, engines


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


def _at(path: Path | None, construct: Callable[[Path], Any]) -> Callable[[], Any]:
    def from_path() -> Any:
        if path is None:
            raise ImportError("no path given")
        try:
            return construct(path)
        except (ImportError, AttributeError) as error:
            sys.exit(f"{path}: expected a completed checkout there: {error}")

    return from_path


def run(chosen: list[Heat], track: Track, report: Report, engines: dict[str, Any]) -> None:
    """Race every heat against every peer it names, with a bar that says where we are."""
    from engines.ours import Ours

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=sum(len(heat.targets) for heat in chosen))
        for heat in chosen:
            problem = heat.draw(np.random.default_rng(SEED))
            ours = getattr(Ours(), heat.method)(problem)
            for peer in report.peers:
                if peer.peer not in heat.targets:
                    continue
                progress.update(task, description=f"{heat.case.case} / {peer.title}")
                if peer.present:
                    theirs = getattr(engines[peer.peer], heat.method)(problem)
                    target = heat.targets[peer.peer]
                    settle_garbage()
                    report.rows.append(track.race(heat.case, peer, ours, theirs, target))
                else:
                    report.skip(heat.case, peer)
                progress.advance(task)


def table(rows: list[Row]) -> Table:
    """The rows as they are read: ratio above 1 means that ours is faster."""
    result = Table(title="the peer's time divided by ours; spread: 95 % interval of the median")
    for heading in ("case", "peer", "ours", "peer's", "ratio", "spread", "target", "holds"):
        side = "left" if heading in ("case", "peer") else "right"
        result.add_column(heading, justify=side, no_wrap=True)  # type: ignore[arg-type]
    for row in rows:
        target = "" if row.target is None else f"{row.target:.3g}"
        holds = {True: "yes", False: "NO", None: ""}[row.holds]
        spread = f"{row.ratio_low:.3g} .. {row.ratio_high:.3g}"
        times = (f"{row.ours_seconds * 1e6:,.1f} µs", f"{row.peer_seconds * 1e6:,.1f} µs")
        result.add_row(row.case, row.peer_title, *times, f"{row.ratio:.3g}", spread, target, holds)
    return result


def options(arguments: list[str]) -> argparse.Namespace:
    """Read the command line; argparse exits with status 2 and a reason on nonsense."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cases = [heat.case.case for heat in heats()]
    starts = f"only cases whose name starts so; there are {', '.join(cases)}"
    parser.add_argument("--case", action="append", metavar="NAME", default=[], help=starts)
    parser.add_argument("--quick", action="store_true", help="5 rounds of 2 ms; writes nothing")
    parser.add_argument("--rounds", type=int, help="rounds for each ratio (default 21, quick 5)")
    parser.add_argument("--minitorch", type=Path, metavar="PATH", help="a completed solution")
    parser.add_argument("--tinytorch", type=Path, metavar="PATH", help="the exported package")
    parser.add_argument(
        "--out", type=Path, help=f"result file (default {RESULT.name} of a full run)"
    )
    parser.add_argument("--strict", action="store_true", help="status 1 if a target is missed")
    chosen = parser.parse_args(arguments)
    for prefix in chosen.case:
        if not any(case.startswith(prefix) for case in cases):
            parser.error(f"--case {prefix}: no such case; there are {', '.join(cases)}")
    if chosen.rounds is not None and chosen.rounds < 3:
        parser.error(f"--rounds {chosen.rounds}: a median with a spread needs at least 3")
    for path in (chosen.minitorch, chosen.tinytorch):
        if path is not None and not path.is_dir():
            parser.error(f"{path} is no folder")
    return chosen


def main(arguments: list[str]) -> int:
    """Run the benchmark; returns the exit status."""
    chosen = options(arguments)
    machine.restart_in_order()
    sys.setrecursionlimit(20_000)  # micrograd and minitorch walk their graphs by recursion
    rounds = chosen.rounds or (5 if chosen.quick else 21)
    track = Track(np.random.default_rng(SEED), rounds, 0.002 if chosen.quick else 0.01)
    peers, engines = enter(chosen.minitorch, chosen.tinytorch)
    facts = machine.facts() | {"clock": CLOCK_NAME}
    report = Report("autodiff", "python benchmarks/bench_autodiff.py", facts, peers, [], [])
    console = Console()
    console.print(f"load average before: {machine.load()}", highlight=False)
    selected = [h for h in heats() if not chosen.case or h.case.case.startswith(tuple(chosen.case))]
    try:
        run(selected, track, report, engines)
    except Disagreement as error:
        console.print(f"[red]not raced, because results differ:[/] {error}")
        return 1
    except KeyboardInterrupt:
        console.print("stopped; nothing is written")
        return 130
    report.machine["load_after"] = machine.load()
    return _finish(chosen, report, console)


def _finish(chosen: argparse.Namespace, report: Report, console: Console) -> int:
    Console(width=max(console.width, 125)).print(table(report.rows))
    for entry in report.skipped:
        console.print(
            f"not raced: {entry['case']} / {entry['peer']}: {entry['why']}", highlight=False
        )
    console.print(f"load average after: {report.machine['load_after']}", highlight=False)
    partial = chosen.quick or chosen.case
    out = chosen.out or (None if partial else RESULT)
    if out is not None:
        report.write(out)
        console.print(f"written: {out}")
    missed = [f"{row.case} / {row.peer_title}" for row in report.missed()]
    if missed:
        console.print(f"targets missed: {', '.join(missed)}", highlight=False)
    busy = max((report.machine["load_before"] or [0])[0], (report.machine["load_after"] or [0])[0])
    if missed and chosen.strict and busy > machine.BUSY:
        console.print(f"load {busy} is above {machine.BUSY}: targets are not judged")
        return 0
    return int(bool(missed and chosen.strict))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
