"""The command ``python -m mlsys.distributed.cluster run MODULE:FUNCTION``: a program from a shell.

Exit codes: 0, it ran; 1, it failed on the cluster (a rank raised or died, all waited, time was up);
2, the request makes no sense.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from enum import StrEnum, auto
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from mlsys.distributed.cluster.communicator import ClusterError
from mlsys.distributed.cluster.faults import Faults
from mlsys.distributed.cluster.programs import find, run_program
from mlsys.distributed.cluster.summary import table
from mlsys.distributed.cluster.topology import (
    ALPHA,
    BETA,
    Topology,
    fat_tree,
    flat,
    ring,
    torus,
    two_level,
)

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)


class On(StrEnum):
    """Kinds of clusters, as `run_program` knows them."""

    simulated = auto()
    processes = auto()
    mpi = auto()


@app.callback()
def cluster() -> None:
    """Run one program on many ranks: on a virtual clock, on processes, or on MPI."""


@app.command()
def run(
    program: Annotated[str, typer.Argument(metavar="MODULE:FUNCTION", help="What ranks run.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(help="After the communicator, in JSON: 8 [1,2] '\"abc\"'.")
    ] = None,
    ranks: Annotated[int, typer.Option(min=1, help="How many ranks.")] = 4,
    on: Annotated[On, typer.Option(help="Which kind of cluster.")] = On.simulated,
    topology: Annotated[
        str,
        typer.Option(
            help="Simulated: flat, ring, two-level:NODESxPER_NODE, torus:ROWSxCOLUMNS or "
            "fat-tree:LEAVESxPER_LEAFxSPINES. The sizes replace --ranks."
        ),
    ] = "flat",
    alpha: Annotated[float, typer.Option(min=0, help="Simulated: a link's seconds.")] = ALPHA,
    beta: Annotated[float, typer.Option(min=0, help="Simulated: its seconds per byte.")] = BETA,
    drop: Annotated[float, typer.Option(min=0, max=1, help="Share of messages lost.")] = 0.0,
    crash: Annotated[
        list[str] | None, typer.Option(metavar="RANK@SECONDS", help="A death. May be repeated.")
    ] = None,
    slow: Annotated[
        list[str] | None, typer.Option(metavar="RANK@SPEED", help="0.5: half as fast as others.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed, the same accidents.")] = 0,
    trace: Annotated[
        Path | None, typer.Option(help="Simulated: a file for Perfetto (ui.perfetto.dev).")
    ] = None,
    hosts: Annotated[str, typer.Option(help="MPI: a:4,b:4 runs four ranks on each.")] = "",
    timeout: Annotated[float, typer.Option(min=0, help="Processes, MPI: seconds at most.")] = 60.0,
) -> None:
    """Run a function of a communicator on every rank, and show what each returned and sent.

    To begin with: python -m mlsys.distributed.cluster run mlsys.distributed.cluster.examples:hello
    """
    faults = Faults(_at(slow, "slow"), drop=drop, crash=_at(crash, "crash"), seed=seed)
    options: dict[str, Any] = {"timeout": timeout}
    size: int | Topology = ranks
    if on is On.simulated:
        size, options = _topology(topology, ranks, alpha, beta), {"trace": trace is not None}
    if on is On.mpi:
        options["hosts"] = hosts.split(",") if hosts else None
    else:
        options["faults"] = faults
    literals = [_literal(text) for text in arguments or ()]
    done = run_program(find(program), *literals, ranks=size, on=on.value, **options)
    Console().print(table(done))
    if trace and done.trace:
        done.trace.save(trace)


def _topology(text: str, ranks: int, alpha: float, beta: float) -> Topology:
    """The topology that ``--topology`` and its companions describe."""
    shapes: dict[str, tuple[int, Callable[..., Topology]]] = {
        "flat": (0, lambda: flat(ranks, alpha, beta)),
        "ring": (0, lambda: ring(ranks, alpha, beta)),
        "two-level": (2, lambda nodes, each: two_level(nodes, each, between=(alpha, beta))),
        "torus": (2, lambda rows, columns: torus(rows, columns, alpha, beta)),
        "fat-tree": (3, lambda leaves, each, spines: fat_tree(leaves, each, spines, alpha, beta)),
    }
    name, _, rest = text.partition(":")
    sizes = rest.split("x") if rest else []
    wanted, make = shapes.get(name, (-1, flat))
    if len(sizes) != wanted or not all(size.isdigit() for size in sizes):
        raise ValueError(
            f"--topology: expected flat, ring, two-level:2x4, torus:4x4 or fat-tree:4x4x2, "
            f"got {text!r}"
        )
    return make(*map(int, sizes))


def _literal(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise ValueError(
            f"arguments: expected JSON (8, 0.5, [1, 2], true, or a string in double quotes), "
            f"got {text!r}; for a string, the shell wants '\"{text}\"'"
        ) from None


def _at(pairs: list[str] | None, name: str) -> dict[int, float]:
    """What "RANK@NUMBER" says, for each rank."""
    try:
        split = [pair.split("@") for pair in pairs or ()]
        return {int(rank): float(number) for rank, number in split}
    except ValueError:
        raise ValueError(f"--{name}: expected RANK@NUMBER, got {' '.join(pairs or ())}") from None


def _fail(error: BaseException, code: int) -> NoReturn:
    print(f"error: {error}", file=sys.stderr)
    raise SystemExit(code)


def main() -> None:
    """Entry point; what went wrong is said in one line, and a rank's traceback is its own."""
    try:
        app(prog_name="python -m mlsys.distributed.cluster")
    except ClusterError as error:
        _fail(error, 1)
    except (ValueError, TypeError, ImportError, OSError, SyntaxError) as error:
        _fail(error, 2)


if __name__ == "__main__":
    main()
