"""Prediction servers, each as an entry of a race: started, asked by a process of its own, ended.

Ours speaks the whole Open Inference Protocol and has its model in a worker process. A peer reads
the shortest JSON that says the same, and runs in an environment that whoever races it names. All
that batch are told the same: batches of 64, and 2 ms to wait for company (ours waits for nobody).
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from race import Entry, Results

from engines.outside import free_port
from engines.served import models
from mlsys.distributed.cluster.job import end
from mlsys.distributed.cluster.lifeline import tied

HERE = Path(__file__).parent
SERVED = HERE / "served"
OBJECTIVE = 0.020  # seconds that 99 of 100 answers may take
PARTS = 32  # of a throughput
LONGEST_START = 90.0
JSON = {"Content-Type": "application/json"}


class Clock:
    """Goes on by what a sample says it found: seconds for a request."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Question:
    """What a case asks: which model, over how many connections, for how many seconds a sample."""

    model: str
    connections: int = 64
    seconds: float = 1.0


@dataclass(frozen=True)
class Asked:
    """A server's process, and how it is asked for a model's answer."""

    command: list[str]
    path: str
    body: bytes
    headers: dict[str, str]
    scores: Callable[[dict[str, Any]], list[float]]


@dataclass
class Running:
    """A server that answers; ``start`` is how long it took to do so first."""

    asked: Asked
    port: int
    process: subprocess.Popen[bytes]
    start: float
    stack: ExitStack = field(default_factory=ExitStack)

    def cpu(self) -> float:
        """Seconds of processor time of all its processes, until now."""
        me, spent = psutil.Process(self.process.pid), 0.0
        for each in (me, *me.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):  # it has ended meanwhile
                times = each.cpu_times()
                spent += times.user + times.system
        return spent


def running(asked: Callable[[int], Asked]) -> Running:
    """Start a server and wait until it has answered once."""
    port = free_port()
    how, begun, stack = asked(port), time.perf_counter(), ExitStack()
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    environment = os.environ | {"RAY_DEDUP_LOGS": "0", "RAY_USAGE_STATS_ENABLED": "0"}
    process = subprocess.Popen(
        tied(how.command), start_new_session=True, env=environment, cwd=SERVED, **quiet
    )
    stack.callback(_end, process)
    try:
        while not _answers(how, port):
            if process.poll() is not None or time.perf_counter() - begun > LONGEST_START:
                raise RuntimeError(f"no server: {' '.join(how.command)}")
            time.sleep(0.02)
    except BaseException:
        stack.close()
        raise
    return Running(how, port, process, time.perf_counter() - begun, stack)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end; whatever of it is left then is killed."""
    end(process)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _answers(how: Asked, port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", how.path, how.body, how.headers)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


class Generator:
    """The process that asks; started when it is first needed, and there for all servers."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def ask(self, server: Running, do: str, **how: Any) -> dict[str, Any]:
        """See `engines.load`. An answer that is none spoils a sample."""
        if self._process is None:
            command = [sys.executable, str(HERE / "load.py")]
            self._process = subprocess.Popen(
                tied(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        asked, process = server.asked, self._process
        about = {"port": server.port, "path": asked.path, "headers": asked.headers}
        line = about | {"do": do, "body": base64.b64encode(asked.body).decode()} | how
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps(line) + "\n")
        process.stdin.flush()
        told = process.stdout.readline()
        if not told:
            raise RuntimeError(f"the load generator has ended at {how}")
        found: dict[str, Any] = json.loads(told)
        if found["bad"]:
            raise RuntimeError(f"{found['bad']} of {found['requests']} answers are errors")
        return found


class Server:
    """One kind of server, with an entry for each thing that is measured of it."""

    def __init__(
        self,
        asked: Callable[[str, int], Asked],
        clock: Clock,
        generator: Generator,
        version: str = "",
    ) -> None:
        self._asked, self._clock, self._generator = asked, clock, generator
        self.version = version

    def throughput(self, q: Question) -> Entry:
        """Seconds for a request, with so many connections in a closed loop."""
        return self._entry(q, lambda server: _each(self._closed(server, q)))

    def processor(self, q: Question) -> Entry:
        """Seconds of processor time for a request, of all processes of the server."""

        def sample(server: Running) -> float:
            before = server.cpu()
            told = self._closed(server, q)
            spent = server.cpu() - before  # less than nothing if one has ended that had worked
            return max(spent, 1e-9) / float(told["requests"])

        return self._entry(q, sample)

    def half(self, q: Question) -> Entry:
        """The median latency at half of what its closed loop answers, in an open loop."""

        def sample(server: Running) -> float:
            rate = 0.5 / _each(self._closed(server, q))
            return float(self._opened(server, rate)["p50"])

        return self._entry(q, sample)

    def in_time(self, q: Question) -> Entry:
        """Seconds for a request at the highest rate at which 99 of 100 take at most 20 ms.

        Sought between nothing and its throughput, to a part in 32 of that. If there is none, that
        part is taken, which is too good for the server.
        """

        def sample(server: Running) -> float:
            throughput = 1 / _each(self._closed(server, q))
            low, high = 0, PARTS
            while high - low > 1:
                part = (low + high) // 2
                told = self._opened(server, throughput * part / PARTS)
                good = not told["hopeless"] and told["p99"] <= OBJECTIVE
                low, high = (part, high) if good else (low, part)
            return PARTS / (max(low, 1) * throughput)

        return self._entry(q, sample)

    def start(self, q: Question) -> Entry:
        """Seconds from the start of its process to its first answer."""

        def sample() -> None:
            server = running(lambda port: self._asked(q.model, port))
            server.stack.close()
            self._clock.now += server.start

        return Entry(sample, lambda: self._results(q))

    def _entry(self, q: Question, sample: Callable[[Running], float]) -> Entry:
        started: list[Running] = []

        def server() -> Running:
            if not started:
                started.append(running(lambda port: self._asked(q.model, port)))
                self._closed(started[0], q)  # whatever is made on the way is there now
            return started[0]

        def work() -> None:
            self._clock.now += sample(server())

        def close() -> None:
            while started:
                started.pop().stack.close()

        return Entry(work, lambda: self._scores(server()), close)

    def _results(self, q: Question) -> Results:
        server = running(lambda port: self._asked(q.model, port))
        try:
            return self._scores(server)
        finally:
            server.stack.close()

    def _scores(self, server: Running) -> Results:
        told = self._generator.ask(server, "closed", connections=1, seconds=0)
        return {"scores": np.array(server.asked.scores(json.loads(told["last"])))}

    def _closed(self, server: Running, q: Question) -> dict[str, Any]:
        how = {"connections": q.connections, "seconds": q.seconds}
        return self._generator.ask(server, "closed", **how)

    def _opened(self, server: Running, rate: float) -> dict[str, Any]:
        return self._generator.ask(server, "opened", rate=rate, seconds=1.5, seed=0)


def _each(told: dict[str, Any]) -> float:
    """Seconds for a request."""
    return float(told["seconds"] / told["requests"])


def ours(*options: str) -> Callable[[str, int], Asked]:
    """Our own, with one worker; an image comes as bytes behind the JSON."""

    def asked(model: str, port: int) -> Asked:
        command = [sys.executable, "-m", "mlsys.serving.server", "--quiet", "--port", str(port)]
        command += ["--model", f"{SERVED / 'ours.py'}:{model}", *options]
        row = models.example(model)
        about = {"name": "x", "datatype": "FP32", "shape": [*row.shape]}
        headers = dict(JSON)
        if model == models.MLP:
            data = [round(float(each), 9) for each in row.ravel()]
            body = json.dumps({"inputs": [about | {"data": data}]}).encode()
        else:
            size = {"parameters": {"binary_data_size": row.nbytes}}
            front = json.dumps({"inputs": [about | size]}).encode()
            headers["Inference-Header-Content-Length"] = str(len(front))
            body = front + row.tobytes()
        path = f"/v2/models/{model}/infer"
        return Asked(command, path, body, headers, lambda said: said["outputs"][0]["data"])

    return asked


def peer(python: Path, file: str, path: str = "/predict") -> Callable[[str, int], Asked]:
    """One of ``served/with_*.py``, by the interpreter of its environment."""

    def asked(model: str, port: int) -> Asked:
        command = [str(python), str(SERVED / file), model, str(port)]
        return Asked(command, path, models.asked(model), JSON, lambda said: said["y"])

    return asked


def bare(clock: Clock) -> Any:
    """The model without a server: batches of 64, one after the other, on one thread."""
    return _Bare(clock)


class _Bare:
    version = "as served"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def throughput(self, q: Question) -> Entry:
        model, row = models.made(q.model), models.example(q.model)[0]
        rows = [row] * models.BATCH

        def work() -> None:
            begun, count = time.perf_counter(), 0
            while (taken := time.perf_counter() - begun) < q.seconds:
                models.answered(model, rows)
                count += len(rows)
            self._clock.now += taken / count

        return Entry(work, lambda: {"scores": np.array(models.answered(model, [row])[0])})
