"""The command ``python -m mlsys.distributed.parameter_server``: a model of clicks, learnt by many.

python -m mlsys.distributed.parameter_server                                on the virtual clock
python -m mlsys.distributed.parameter_server --replicas 2 --crash 0.05      a server dies
python -m mlsys.distributed.parameter_server --on processes --workers 2     on this machine
"""

from __future__ import annotations

import math
import sys
from enum import StrEnum, auto
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table as Grid

from mlsys.distributed.cluster import ClusterError, Communicator, Faults, ProgramFailed, Run
from mlsys.distributed.cluster.programs import run_program
from mlsys.distributed.parameter_server import logistic, node
from mlsys.distributed.parameter_server.client import Client
from mlsys.distributed.parameter_server.columns import Columns, Plan, cut, of_clicks
from mlsys.distributed.parameter_server.consistency import Consistency
from mlsys.distributed.parameter_server.group import Group, Table
from mlsys.distributed.parameter_server.messages import Array
from mlsys.foundations.datasets import Clicks, plant_clicks
from mlsys.foundations.training.progress import bar

SHARES = (0.8, 0.15, 0.05)  # of all keys, for each field of the log
L1, SECONDS = 6.0, 1e-3  # of the penalty; of an iteration on the virtual clock
MISTAKES = (ClusterError, ImportError, OSError, ValueError)
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class On(StrEnum):
    """Kinds of clusters."""

    simulated = auto()
    processes = auto()
    mpi = auto()


def learn(comm: Communicator, group: Group, parts: list[Columns], plan: Plan, show: bool) -> Any:
    """Every rank's program; with ``show`` the first worker draws a bar."""

    def work(client: Client) -> logistic.Fit:
        part = parts[client.index]
        first = show and client.index == 0
        progress = iter(bar("clicks", range(plan.iterations)) if first else ())

        def watch(learner: logistic.Learner) -> float:
            next(progress, None)
            return math.nan

        return logistic.work(client, part, plan, seconds=SECONDS, watch=watch)

    return node.run(comm, group, work)


@app.command()
def main_command(
    workers: Annotated[int, typer.Option(min=1, help="Ranks that learn.")] = 4,
    servers: Annotated[int, typer.Option(min=1, help="Ranks that keep the weights.")] = 2,
    replicas: Annotated[int, typer.Option(min=1, help="Servers that keep each weight.")] = 1,
    delay: Annotated[int, typer.Option(min=0, help="Iterations that a weight may be late.")] = 2,
    keys: Annotated[int, typer.Option(min=100, help="Weights.")] = 2_000,
    rows: Annotated[int, typer.Option(min=100, help="Lines of the log.")] = 20_000,
    passes: Annotated[int, typer.Option(min=1, help="Times that each weight is moved.")] = 15,
    on: Annotated[On, typer.Option(help="Which kind of cluster.")] = On.simulated,
    crash: Annotated[float | None, typer.Option(min=0, help="Second of a server's death.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the log.")] = 0,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds that processes may take.")] = 300.0,
) -> None:
    """Sparse logistic regression on a generated log of clicks, whose true weights are known."""
    if crash is not None and on == On.mpi:
        raise typer.BadParameter("--crash: on MPI a death ends the whole job; use another --on")
    parts, truth = draw_log(workers, keys, rows, seed)
    bounds = cut(
        (*np.cumsum([0, *(int(keys * share) for share in SHARES)]).tolist(), len(truth)), 4
    )
    plan = Plan(tuple(dict.fromkeys(bounds)), passes, delay)
    update = logistic.BlockProximal(L1, step=1 / (1 + delay))
    table = Table(
        "weights", len(truth), 2, "<f8", update, Consistency(delay, aggregate=True), 4 * servers
    )
    group = Group((table,), servers=servers, replicas=replicas)
    options: dict[str, Any] = {} if on == On.simulated else {"timeout": timeout}
    if crash is not None:
        options["faults"] = Faults(crash={1: crash})
    ranks = 1 + servers + workers
    done = run_program(
        learn, group, parts, plan, on == On.simulated, ranks=ranks, on=str(on), **options
    )
    _report(done, parts, truth, plan)


def draw_log(workers: int, keys: int, rows: int, seed: int) -> tuple[list[Columns], Array]:
    """The examples of each worker, and the true weights; the last is the intercept."""
    fields = tuple(max(1, int(keys * share)) for share in SHARES)
    rng = np.random.default_rng(seed)
    planted = plant_clicks(fields, rng, exponent=0.6, rate=0.3, spread=2.0)
    made, size = planted.rows(rows, rng), sum(fields)
    parts = [Clicks(made.keys[w::workers], made.clicked[w::workers]) for w in range(workers)]
    return [of_clicks(part, size) for part in parts], np.append(planted.weights, planted.intercept)


def _report(done: Run, parts: list[Columns], truth: Array, plan: Plan) -> None:
    fits = [value for value in done.values if isinstance(value, logistic.Fit)]
    found = np.zeros(len(truth))
    for fit in fits:
        found[fit.keys] = fit.weights
    nothing = logistic.objective(parts, np.zeros(len(truth)), L1)
    came = logistic.recovery(found[:-1], truth[:-1])
    grid = Grid(show_header=False)
    for name, value in (
        ("weights, and examples", f"{len(truth):,}, {sum(len(p.clicked) for p in parts):,}"),
        ("iterations", f"{plan.iterations:,}"),
        ("objective, at first", f"{nothing:,.1f} nats"),
        ("objective, in the end", f"{logistic.objective(parts, found, L1):,.1f} nats"),
        ("weights that are not 0", f"{np.count_nonzero(found):,}"),
        ("of those, planted", f"{came.precision:.0%}"),
        ("correlation with the truth", f"{came.correlation:.2f}"),
        ("seconds on the cluster's clock", f"{done.seconds:.3g}"),
    ):
        grid.add_row(name, value)
    if done.traffic is not None:
        grid.add_row("sent by all", f"{int(done.traffic.sent_bytes.sum()):,} bytes")
    if done.dead:
        grid.add_row("died", ", ".join(f"rank {rank}" for rank in done.dead))
    Console().print(grid)


def main() -> None:
    """Mistakes are told on standard error, without a traceback; the code is 1, or 2 (usage)."""
    try:
        app(prog_name="python -m mlsys.distributed.parameter_server")
    except MISTAKES as error:
        raised = error.errors.values() if isinstance(error, ProgramFailed) else ()
        said = next((each for each in raised if isinstance(each, MISTAKES)), error)
        print(f"error: {said}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
