"""The command that runs a race: its options, a bar, the table, the result file.

python benchmarks/bench_CHAPTER.py                     all cases, writes results/CHAPTER.json
python benchmarks/bench_CHAPTER.py --quick             a minute: few rounds, writes nothing
python benchmarks/bench_CHAPTER.py --case mlp --case attention
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import machine
import numpy as np
from race import CLOCK_NAME, Case, Disagreement, Peer, Report, Row, Track, settle_garbage
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from mlsys.foundations.measurement.timing import Clock

RESULTS = Path(__file__).parent / "results"
SEED = 20


@dataclass(frozen=True)
class Heat:
    """A case, how to draw its problem, the engines' method for it, and the target for each peer.

    A target is the least ratio of the peer's time to ours; None: for reading only. ``rounds`` is
    given for what takes minutes: no more than those are run.
    """

    case: Case
    draw: Callable[[np.random.Generator], Any]
    method: str
    targets: dict[str, float | None]
    rounds: int | None = None


def drawing(draw: Callable[..., Any], *sizes: int) -> Callable[[np.random.Generator], Any]:
    """A problem's ``draw`` of these sizes, as a heat takes it."""
    return lambda rng: draw(rng, *sizes)


@dataclass(frozen=True)
class Entrant:
    """A peer that may be absent: how to make its engine (ImportError: it is not here), or get it.

    path: the option that names its folder, for a peer that is no package; its help in ``paths``.
    """

    peer: str
    title: str
    construct: Callable[..., Any]
    remedy: str = ""
    path: str | None = None


@dataclass(frozen=True)
class Race:
    """All that a benchmark says of itself; ``heats`` in reading order.

    processes: what is raced starts processes of its own, so wall time is taken, of single calls.
    clock: another clock and what its seconds are, where those processes take the time themselves.
    facts: what its times depend on beside what all times do.
    """

    chapter: str
    about: str
    ours: Callable[[], Any]
    heats: list[Heat]
    entrants: list[Entrant]
    paths: dict[str, str] = field(default_factory=dict)
    processes: bool = False
    clock: tuple[str, Clock] | None = None
    facts: Callable[[], dict[str, Any]] = dict

    @property
    def clock_name(self) -> str:
        """What the seconds are seconds of."""
        if self.clock:
            return self.clock[0]
        return "wall time" if self.processes else CLOCK_NAME

    def track(self, rounds: int | None, quick: bool) -> Track:
        """How it is run, unless ``rounds`` says otherwise."""
        rng = np.random.default_rng(SEED)
        if self.processes:
            rounds = rounds or (3 if quick else 9)
            clock = self.clock[1] if self.clock else time.perf_counter
            return Track(rng, rounds, window=0, warmup=1, clock=clock)
        return Track(rng, rounds or (5 if quick else 21), 0.002 if quick else 0.01)

    @property
    def result(self) -> Path:
        """Where a full run writes."""
        return RESULTS / f"{self.chapter}.json"

    def enter(self, folders: Mapping[str, Path | None]) -> tuple[list[Peer], dict[str, Any]]:
        """Every peer, and the engines of those that are here."""
        peers, engines = [], {}
        for one in self.entrants:
            try:
                engines[one.peer] = _constructed(one, folders)
                peers.append(Peer(one.peer, one.title, engines[one.peer].version))
            except ImportError as error:
                peers.append(Peer(one.peer, one.title, note=f"{one.remedy} ({error})"))
        return peers, engines


def _constructed(one: Entrant, folders: Mapping[str, Path | None]) -> Any:
    if one.path is None:
        return one.construct()
    folder = folders.get(one.path)
    if folder is None:
        raise ImportError("no path given")
    try:
        return one.construct(folder)
    except (ImportError, AttributeError) as error:
        sys.exit(f"{folder}: not what --{one.path} wants: {error}")


def run(
    race: Race, chosen: list[Heat], track: Track, report: Report, engines: dict[str, Any]
) -> None:
    """Race every heat against every peer it names, with a bar that says where we are."""
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
            ours = getattr(race.ours(), heat.method)(problem)
            pace = replace(track, rounds=min(track.rounds, heat.rounds or track.rounds))
            for peer in report.peers:
                if peer.peer not in heat.targets:
                    continue
                progress.update(task, description=f"{heat.case.case} / {peer.title}")
                if peer.present:
                    theirs = getattr(engines[peer.peer], heat.method)(problem)
                    target = heat.targets[peer.peer]
                    settle_garbage()
                    report.rows.append(pace.race(heat.case, peer, ours, theirs, target))
                    theirs.close()
                else:
                    report.skip(heat.case, peer)
                progress.advance(task)
            ours.close()


def table(rows: list[Row]) -> Table:
    """The rows as they are read: ratio above 1 means that ours is faster."""
    result = Table(title="the peer's time divided by ours; spread: 95 % interval of the median")
    bars = any(row.bar is not None for row in rows)
    headings = ("case", "peer", "ours", *["bar"] * bars, "peer's", "ratio", "spread")
    headings += ("target", "holds")
    for heading in headings:
        side = "left" if heading in ("case", "peer") else "right"
        result.add_column(heading, justify=side, no_wrap=True)  # type: ignore[arg-type]
    for row in rows:
        target = "" if row.target is None else f"{row.target:.3g}"
        holds = "NO" if row.missed else "yes" if row.holds else ""
        spread = f"{row.ratio_low:.3g} .. {row.ratio_high:.3g}"
        times = map(_seconds, (row.ours_seconds, *[row.bar] * bars, row.peer_seconds))
        result.add_row(row.case, row.peer_title, *times, f"{row.ratio:.3g}", spread, target, holds)
    return result


def rates(rows: list[Row]) -> Table:
    """How much each side moves in a second."""
    result = Table(title="moved in a second")
    for heading in ("case", "peer", "ours", "peer's"):
        result.add_column(heading, justify="right" if heading[-1] == "s" else "left", no_wrap=True)
    for row in rows:
        sides = (row.ours_seconds, row.peer_seconds)
        both = ["  ".join(f"{_amount(n / s)} {of}" for of, n in row.moves.items()) for s in sides]
        result.add_row(row.case, row.peer_title, *both)
    return result


def _amount(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _seconds(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value * 1e3:,.1f} ms" if value >= 1e-2 else f"{value * 1e6:,.1f} µs"


def options(race: Race, arguments: list[str]) -> argparse.Namespace:
    """Read the command line; argparse exits with status 2 and a reason on nonsense."""
    parser = argparse.ArgumentParser(
        description=race.about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cases = [heat.case.case for heat in race.heats]
    starts = f"only cases whose name starts so; there are {', '.join(cases)}"
    parser.add_argument("--case", action="append", metavar="NAME", default=[], help=starts)
    full, quick = (race.track(None, quick).rounds for quick in (False, True))
    parser.add_argument("--quick", action="store_true", help=f"{quick} rounds; writes nothing")
    rounds = f"rounds for each ratio (default {full}, quick {quick})"
    parser.add_argument("--rounds", type=int, help=rounds)
    for name, what in race.paths.items():
        parser.add_argument(f"--{name}", type=Path, metavar="PATH", help=what)
    written = f"result file (default {race.result.name} of a full run)"
    parser.add_argument("--out", type=Path, help=written)
    parser.add_argument("--strict", action="store_true", help="status 1 if a target is missed")
    chosen = parser.parse_args(arguments)
    for prefix in chosen.case:
        if not any(case.startswith(prefix) for case in cases):
            parser.error(f"--case {prefix}: no such case; there are {', '.join(cases)}")
    if chosen.rounds is not None and chosen.rounds < 3:
        parser.error(f"--rounds {chosen.rounds}: a median with a spread needs at least 3")
    for path in (getattr(chosen, name) for name in race.paths):
        if path is not None and not path.is_dir():
            parser.error(f"{path} is no folder")
    return chosen


def main(race: Race, arguments: list[str]) -> int:
    """Run the benchmark; returns the exit status."""
    chosen = options(race, arguments)
    machine.restart_in_order()
    sys.setrecursionlimit(20_000)  # some peers walk their graphs by recursion
    track = race.track(chosen.rounds, chosen.quick)
    peers, engines = race.enter(vars(chosen))
    facts = machine.facts() | {"clock": race.clock_name} | race.facts()
    command = f"python benchmarks/bench_{race.chapter}.py"
    report = Report(race.chapter, command, facts, peers, [], [])
    console = Console()
    console.print(f"load average before: {machine.load()}", highlight=False)
    starts = tuple(chosen.case)
    selected = [h for h in race.heats if not starts or h.case.case.startswith(starts)]
    try:
        run(race, selected, track, report, engines)
    except Disagreement as error:
        console.print(f"[red]not raced, because results differ:[/] {error}")
        return 1
    except KeyboardInterrupt:
        console.print("stopped; nothing is written")
        return 130
    report.machine["load_after"] = machine.load()
    return _finish(race, chosen, report, console)


def _finish(race: Race, chosen: argparse.Namespace, report: Report, console: Console) -> int:
    Console(width=max(console.width, 125)).print(table(report.rows))
    if any(row.moves for row in report.rows):
        Console(width=max(console.width, 125)).print(rates(report.rows))
    for entry in report.skipped:
        console.print(
            f"not raced: {entry['case']} / {entry['peer']}: {entry['why']}", highlight=False
        )
    console.print(f"load average after: {report.machine['load_after']}", highlight=False)
    partial = chosen.quick or chosen.case
    out = chosen.out or (None if partial else race.result)
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
