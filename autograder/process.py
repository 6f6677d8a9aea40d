"""One child process: started, asked, timed, and ended together with whatever it started.

    child = Child(spawn([python, "-S", stage], folder, environment), folder, limits)
    child.ask({"do": "load", ...})
    child.close()

Every answer comes within its time or the child is killed. What the child prints is drained
as it comes, kept up to a cap, and a flood is stopped. `Lost` says how a child ended.
"""

from __future__ import annotations

import contextlib
import math
import os
import queue
import re
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from autograder import forks, wire
from autograder.cgroup import Group
from autograder.runner import LOADED

MIB = 2**20
KEPT_TEXT = 64 * 2**10  # bytes of what a child printed that are kept to be shown


@dataclass(frozen=True)
class Limits:
    """What one child may use.

    wall: seconds for one answer; total: seconds for all answers together;
    memory: MiB of address space, where the platform can limit it; disk: MiB of files;
    processes: threads too, where the child has a user of its own; printed: MiB of text.
    """

    wall: float = 5.0
    total: float = 20.0
    memory: int = 1024
    disk: int = 64
    processes: int = 32
    printed: int = 1

    def for_runner(self) -> dict[str, int]:
        """The limits that the child sets on itself, in bytes and seconds."""
        return {
            "memory": int(self.memory * MIB),
            "cpu": int(2 * self.total) + 1,  # only for a child that outlives its grader
            "file": int(self.disk * MIB) // 4,
            "disk": int(self.disk * MIB),
            "processes": int(self.processes),
        }


class Lost(Exception):
    """The child gave no answer; ``reason`` is a `CheckResult` reason.

    where: the line of a file in the child's box at which it was, as "line 12, in walk"; or "".
    """

    def __init__(self, reason: str, message: str, where: str = "") -> None:
        super().__init__(message)
        self.reason, self.where = reason, where


class Process(Protocol):
    """What a `Child` needs of the process behind it."""

    pid: int
    stdin: Any
    stdout: Any
    stderr: Any

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, or `subprocess.TimeoutExpired`."""

    def send_signal(self, number: int) -> None:
        """Send a signal, if it still runs."""

    def kill_all(self) -> None:
        """End it and whatever else is in its process group."""

    def release(self) -> None:
        """Give back what it has beside its pipes."""


class _Spawned(subprocess.Popen[bytes]):
    """A `Process` that is our own child."""

    def kill_all(self) -> None:
        if os.name == "posix":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        else:
            self.terminate()  # on Windows this ends it at once

    def release(self) -> None:
        pass


def spawn(command: Sequence[str], cwd: str, environment: dict[str, str]) -> Process:
    """A new process with three pipes, in a process group of its own."""
    return _Spawned(
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


class Child:
    """A process that answers frames, and what goes when it goes.

    box: the folder it works in, as it sees it; ended: called once when the process is gone;
    group: counts it and all that it starts; later: runs a function now or soon.
    """

    def __init__(
        self,
        process: Process,
        box: str,
        limits: Limits,
        ended: Callable[[], None] = lambda: None,
        group: Group | None = None,
        later: Callable[[Callable[[], None]], object] = lambda action: action(),
    ) -> None:
        self.box, self.limits = box, limits
        self._process, self._ended, self._group, self._later = process, ended, group, later
        self._starved = self._frozen = self._closed = False
        self._deadline = math.inf
        self._text, self._seen, self._reading = bytearray(), 0, threading.Lock()
        self._flooded = False
        self._code: int | None = None
        self._lost: Lost | None = None
        self._requests: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._threads = [_in_background(self._converse), _in_background(self._drain_text)]

    def start_clock(self) -> None:
        """From now on, `Limits.total` seconds are left for all answers, and its group counts."""
        if self._group:
            self._group.take(self._process.pid)
        self._deadline = time.monotonic() + self.limits.total

    def post(self, frame: bytes) -> None:
        """Send a request whose reply is fetched later, with ``ask(None)``."""
        self._requests.put(frame)

    def ask(self, request: dict[str, Any] | None, seconds: float | None = None) -> dict[str, Any]:
        """Send a request and return the reply, or end the child and raise `Lost`.

        A request that is not plain data is the caller's mistake: `wire.WireError`.
        """
        if self._lost:
            raise self._lost
        if self._frozen:
            self._process.send_signal(signal.SIGCONT)
            self._frozen = False
        if request is not None:
            self.post(wire.frame(request))
        try:
            return self._answer(min(seconds or self.limits.wall, self._seconds_left()))
        except Lost as lost:
            self._lost = lost
            raise

    def _seconds_left(self) -> float:
        return max(self._deadline - time.monotonic(), 0.0)

    def _answer(self, seconds: float) -> dict[str, Any]:
        try:
            answer = self._answers.get(timeout=seconds)
        except queue.Empty:
            where = self._where()
            self.close()
            raise Lost("timeout", self._too_slow(seconds), where) from None
        if isinstance(answer, Exception):
            self.close(grace=0.2)  # for an exit code that says more than our kill
            raise self._explain(answer)
        return cast(dict[str, Any], answer)

    def _too_slow(self, allowed: float) -> str:
        if allowed < self.limits.wall:
            return f"all calls of this check together took more than {self.limits.total:g} s"
        return f"no answer within {allowed:g} s"

    def _where(self) -> str:
        """Ask the child where it is; its answer is taken out of what it printed."""
        if not hasattr(signal, "SIGUSR1"):
            return ""
        seen, size = len(self._text), -1
        self._process.send_signal(signal.SIGUSR1)
        for _ in range(20):  # 0.2 s at most, until something came and no more comes
            if seen < size == len(self._text):
                break
            size = len(self._text)
            time.sleep(0.01)
        trace = _TRACE.search(bytes(self._text), seen)
        if trace:
            del self._text[trace.start() : trace.end()]
        return _line_in(self.box, trace.group().decode("utf-8", "replace")) if trace else ""

    def _converse(self) -> None:
        """Both may block, on a child that neither reads nor writes: so a thread does it."""
        while (frame := self._requests.get()) is not None:
            self._answers.put(self._exchange(frame))

    def _exchange(self, frame: bytes) -> Any:
        """The reply, or the exception that came instead."""
        try:
            self._process.stdin.write(frame)
            self._process.stdin.flush()
            return _reply_from(wire.read_frame(self._process.stdout))
        except (wire.WireError, OSError, ValueError) as error:
            return error

    def _explain(self, error: Exception) -> Lost:
        if self._flooded:
            most = f"{self.limits.printed} MiB"
            return Lost("output_limit", f"your code printed more than {most}; remove the print")
        if isinstance(error, wire.WireError) and not isinstance(error, wire.Closed):
            return Lost("not_plain", f"the reply was no valid frame: {error}")
        if self._starved:
            return Lost("memory", "your code and what it started used too much memory")
        return Lost(*_ending(self._code or 0))

    def _drain_text(self) -> None:
        """Read what the child prints until it ends; kill it when it prints too much."""
        with contextlib.suppress(OSError, ValueError):
            while self._take_text() != b"":
                if _CAN_WAIT:
                    forks.ready(self._process.stderr)

    def _take_text(self) -> bytes | None:
        """Keep what has been printed by now: b"" at its end, None when that is nothing.

        Two threads may do so, and neither waits for text while the other waits for it.
        """
        with self._reading:
            if _CAN_WAIT and not forks.ready(self._process.stderr, 0):
                return None
            piece = os.read(self._process.stderr.fileno(), 2**16)
            self._seen += len(piece)
            self._text += piece[: KEPT_TEXT - len(self._text)]
            if self._seen > self.limits.printed * MIB and not self._flooded:
                self._flooded = True
                self._process.kill_all()
            return piece

    def processor_time(self) -> float:
        """Seconds so far. Linux shows them to others; elsewhere the child says what it likes."""
        if not forks.AVAILABLE:
            return float(self.ask({"do": "usage"})["value"][0])
        return time.clock_gettime((~self._process.pid << 3) | 2)  # the clock of that process

    def forget_peak(self) -> Callable[[], int]:
        """Begin to look for a new peak of memory; call what is returned for the bytes above now."""
        if not forks.AVAILABLE:
            before = self.ask({"do": "usage"})["value"][1]
            return lambda: int(self.ask({"do": "usage"})["value"][1] - before)
        in_files = self._group.forget_peak() if self._group else lambda: 0
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5")
        resident = self._memory("VmRSS")
        return lambda: max(self._memory("VmHWM") - resident, in_files(), 0)

    def _memory(self, row: str) -> int:
        about = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(about.partition(f"{row}:")[2].split()[0]) * 1024

    def freeze(self) -> None:
        """Stop the child until it is asked again: it gets no time that nobody counts."""
        if forks.AVAILABLE:
            self._frozen = True
            self._process.send_signal(signal.SIGSTOP)

    def printed(self) -> tuple[str, str]:
        """What was printed while the file was loaded, and later; cut at `KEPT_TEXT` bytes."""
        before, _, later = self._text.decode("utf-8", "replace").partition(LOADED)
        return before, later

    def close(self, grace: float = 0.0) -> None:
        """End the child and its process group; ``grace`` seconds are left to end by itself.

        It takes a moment to be gone, for which nobody need wait unless its end is to be explained.
        """
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(subprocess.TimeoutExpired):
            if grace:
                self._code = self._process.wait(grace)
                self._starved = bool(self._group and self._group.out_of_memory())
        with contextlib.suppress(OSError, ValueError):
            while _CAN_WAIT and self._take_text():
                pass
        self._process.kill_all()
        self._later(self._bury)

    def _bury(self) -> None:
        """Give back what it had; its pipes only once no thread uses them: a process that left the
        group may hold them open."""
        if self._code is None:
            self._process.wait()
        if self._group:
            self._group.remove()
        self._ended()
        self._requests.put(None)
        for thread in self._threads:
            thread.join(timeout=0.5)
        if not any(thread.is_alive() for thread in self._threads):
            for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
                with contextlib.suppress(OSError):
                    pipe.close()
            self._process.release()


_CAN_WAIT = hasattr(select, "poll")  # for a pipe; on Windows one can only read it


def _in_background(target: Any) -> threading.Thread:
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    return thread


def _reply_from(value: Any) -> dict[str, Any]:
    """Whatever the child sent, made one of the two shapes of a reply."""
    if isinstance(value, dict) and value.keys() == {"value"}:
        return value
    keys = ("error", "message", "where")
    if isinstance(value, dict) and all(isinstance(value.get(key), str) for key in keys):
        return value
    raise wire.WireError("neither a value nor an error")


# What faulthandler writes of one thread after the other.
_THREAD = rb"[^\n]*\(most recent call first\):\n(?:  .*\n)+\n?"
_TRACE = re.compile(rb"(?:" + _THREAD + rb")+")


def _line_in(box: str, trace: str) -> str:
    """The innermost line of a file in ``box`` of the thread that runs, and does not only wait."""
    for thread in trace.split("(most recent call first):\n"):
        found = re.search(rf'File "{re.escape(box)}.*", line (\d+) in (\S+)', thread)
        if found and " in _talk\n" not in thread:
            return f"line {found[1]}, in {found[2]}"
    return ""


def _ending(code: int) -> tuple[str, str]:
    """(reason, message) for a child that ended by itself with ``code``."""
    if os.name != "posix" or code >= 0:
        return "exited", f"the program ended itself (exit code {code}) before it answered"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
    if name == "SIGXCPU":
        return "timeout", "the program used up its CPU time"
    return "exited", f"the program crashed or was killed ({name}) before it answered"
