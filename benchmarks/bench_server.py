"""Our prediction server against mosec, LitServe, Ray Serve and FastAPI, with the same models.

    python benchmarks/bench_server.py --peers ENV
    python benchmarks/bench_server.py --quick          few rounds, writes nothing
    python benchmarks/bench_server.py --peers ENV --case mlp-64

Each has one process with the model, on one thread, and a load generator of ours asks it from
another process, so that on two cores three want to run, as on a small machine that serves.
Before a clock is looked at, all must answer the same scores. Made by ``python -m venv ENV`` and
``ENV/bin/pip install`` of torch, numpy, fastapi, uvicorn[standard], litserve, mosec, ray[serve].

- *throughput*: 64 connections, each of which asks again when it has its answer; *one connection*:
  the same with one, thus latency.
- *in time*: requests come at a rate, whether or not others have been answered. Sought is the
  highest at which 99 answers in a hundred take at most 20 ms; a request's time is one over that.
- *half load*: the median latency when they come at half of the throughput.
- *processor*: of all processes of the server; *start*: until the first answer.
- *model*: the same batches without any server. *fixed*: ours with batches of one size, against
  ours with additive increase.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from command import Entrant, Heat, Race, main
from engines.outside import output
from engines.served.models import CNN, MLP
from engines.servers import Clock, Generator, Question, Server, bare, ours, peer
from race import Case

PEERS = {"mosec": "mosec", "litserve": "LitServe", "ray": "Ray Serve", "fastapi": "FastAPI"}
TARGETS = {"mosec": 0.7, "litserve": 10.0, "ray": 10.0, "fastapi": 3.0}
SIZES = (1, 4, 16, 64)
WITHIN, OVERHEAD = 0.9, 1 / 1.15
NONE = dict.fromkeys(PEERS)

CLOCK, GENERATOR = Clock(), Generator()


def heats() -> list[Heat]:
    """In reading order."""
    many, one = Question(MLP), Question(MLP, connections=1)
    images = Question(CNN)
    return [
        _heat("mlp-64", "throughput", "MLP, 64 connections", many, TARGETS),
        _heat("mlp-1", "throughput", "MLP, one connection", one, NONE),
        _heat("cnn-64", "throughput", "CNN, 64 connections", images, {"model": OVERHEAD, **NONE}),
        _heat("mlp-processor", "processor", "MLP, processor time", many, NONE),
        _heat("mlp-in-time", "in_time", "MLP, in time", many, NONE, rounds=3),
        _heat("cnn-in-time", "in_time", "CNN, in time", images, NONE, rounds=3),
        _heat("mlp-half", "half", "MLP, half load", many, NONE, rounds=5),
        _heat("mlp-start", "start", "MLP, start", many, NONE, rounds=3),
        _heat("cnn-aimd", "adaptive", "CNN, additive increase", images, _fixed()),
    ]


def _fixed() -> dict[str, float | None]:
    return {f"fixed-{size}": WITHIN for size in SIZES}


def _heat(
    name: str,
    method: str,
    title: str,
    question: Question,
    targets: dict[str, Any],
    rounds: int | None = None,
) -> Heat:
    group = "adaptive" if method == "adaptive" else name
    case = Case(name, group, title, "request" if method != "start" else "start")
    return Heat(case, lambda rng: question, method, dict(targets), rounds)


class Adaptive(Server):
    """Of two policies of ours, what they answer."""

    adaptive = Server.throughput


class Ours(Server):
    """As it comes, but for the case that is about additive increase."""

    def adaptive(self, q: Question) -> Any:
        """With batches that may take as long as 20 ms."""
        asked = ours("--policy", "aimd", "--objective", "0.02", "--most", "64")
        return Adaptive(asked, CLOCK, GENERATOR).throughput(q)


def _constructed(name: str) -> Callable[[Path], Server]:
    def construct(folder: Path) -> Server:
        python = folder.absolute() / "bin" / "python"
        version = _version(python, name)
        path = "/inference" if name == "mosec" else "/predict"
        return Server(peer(python, f"with_{name}.py", path), CLOCK, GENERATOR, version)

    return construct


def _version(python: Path, package: str) -> str:
    """Of a package in another environment. Raises ImportError."""
    code = f"from importlib.metadata import version; print(version({package!r}))"
    try:
        return output([str(python), "-c", code])
    except ImportError as error:
        raise ImportError(f"{python} has no {package}") from error


def _with_batches_of(size: int) -> Callable[[], Adaptive]:
    options = "--policy", "fixed", "--most", str(size), "--wait", "0.002"
    return lambda: Adaptive(ours(*options), CLOCK, GENERATOR, "ours")


RACE = Race(
    chapter="server",
    about=__doc__ or "",
    ours=lambda: Ours(ours(), CLOCK, GENERATOR),
    heats=heats(),
    entrants=[
        Entrant("model", "the model alone", lambda: bare(CLOCK)),
        *(
            Entrant(
                name, title, _constructed(name), "its environment is wanted: --peers ENV", "peers"
            )
            for name, title in PEERS.items()
        ),
        *(Entrant(f"fixed-{n}", f"ours, batches of {n}", _with_batches_of(n)) for n in SIZES),
    ],
    paths={"peers": "an environment with torch, mosec, litserve, ray[serve], fastapi and uvicorn"},
    processes=True,
    clock=("wall time, seen by the load generator", CLOCK),
)

if __name__ == "__main__":
    sys.exit(main(RACE, sys.argv[1:]))
