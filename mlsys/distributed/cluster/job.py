"""A command that runs for us: what it says is passed on as it comes, and it ends when we say so.

Both its pipes are read by the thread that waits for it, which therefore notices a time limit or
Ctrl-C at once, and nobody else's output is held back. It leads a session of its own, so that
Ctrl-C reaches us alone and the order of ending is ours.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

from mlsys.distributed.cluster.lifeline import tied

GRACE = 3.0  # seconds for it to end when its pipes are closed, and again when it is asked to
Relay = Callable[[str, bool], None]  # a line without its end, and whether it is of standard error


@dataclass(frozen=True)
class Ended:
    """How it ended: its exit code, negative for a signal; ``late`` if its time was up."""

    code: int
    late: bool


def follow(command: list[str], environment: dict[str, str], limit: float, relay: Relay) -> Ended:
    """Run a command for at most ``limit`` seconds and hand every line it writes to ``relay``."""
    process = subprocess.Popen(
        tied(command),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        late = not _read(process, time.monotonic() + limit, relay)
        if not late:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)
    finally:
        end(process)
    return Ended(process.returncode, late)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end, and kill it if it does not; nothing of it is left after that."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe:
            pipe.close()


def _read(process: subprocess.Popen[bytes], deadline: float, relay: Relay) -> bool:
    """Pass lines on until both pipes are closed; False when time was up before."""
    assert process.stdout and process.stderr
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, Lines(relay, False))
        selector.register(process.stderr, selectors.EVENT_READ, Lines(relay, True))
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready and time.monotonic() >= deadline:
                return False
            for key, _ in ready:
                if not key.data.read(key.fd):
                    selector.unregister(key.fileobj)
    return True


class Lines:
    """Cuts a pipe's bytes into lines."""

    def __init__(self, relay: Relay, of_errors: bool) -> None:
        self._relay, self._of_errors, self._rest = relay, of_errors, b""

    def read(self, pipe: int) -> bool:
        """Take what is there; False at the pipe's end."""
        data = os.read(pipe, 1 << 16)
        *lines, self._rest = (self._rest + data).split(b"\n")
        if not data and self._rest:
            lines.append(self._rest)
        for line in lines:
            self._relay(line.decode(errors="replace"), self._of_errors)
        return bool(data)
