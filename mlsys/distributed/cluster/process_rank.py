"""One rank in a process of its own: what `ProcessCluster` starts, as many times as there are ranks.

The rank's endpoint is the one of every cluster of ours; a call leaves as a pickle on a socket, and
the rank reads from the socket until its reply comes. When the other side is gone, so is the rank.
"""

from __future__ import annotations

import os
import pickle
import socket
import struct
import sys
import threading
import time
from typing import Any

from mlsys.distributed.cluster.calls import Call, Reply
from mlsys.distributed.cluster.endpoint import Endpoint, Line
from mlsys.distributed.cluster.lifeline import die_with_parent
from mlsys.distributed.cluster.shipping import pack_error, pack_value, unpack

MARK, HEADER = b"rank", struct.Struct("!4sQ")  # before each pickle: the mark, its length in bytes
READY, RETURNED, RAISED = "ready", "returned", "raised"
_HERE = os.path.dirname(__file__)


class Frames:
    """Objects over a socket, as pickles. Both sides must trust each other."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._incoming = connection.makefile("rb")

    def put(self, item: object) -> None:
        """Send an object. Raises OSError when nobody is there."""
        data = pickle.dumps(item, protocol=5)
        self.connection.sendall(HEADER.pack(MARK, len(data)) + data)

    def get(self) -> Any:
        """The next object. Raises EOFError when the other side has ended."""
        mark, length = HEADER.unpack(self._exactly(HEADER.size))
        if mark != MARK:
            raise ValueError(f"expected a frame, which begins with {MARK!r}, got {mark!r}")
        return pickle.loads(self._exactly(length))

    def close(self) -> None:
        """Nobody may be reading."""
        self._incoming.close()
        self.connection.close()

    def _exactly(self, length: int) -> bytes:
        data = self._incoming.read(length)
        if len(data) < length:
            raise EOFError("the other side has ended")
        return data


class Caller:
    """Sends one call at a time, whichever thread makes it, with the program's line."""

    def __init__(self, frames: Frames) -> None:
        self._frames, self._turn = frames, threading.Lock()

    def __call__(self, call: Call) -> Reply:
        with self._turn:
            try:
                self._frames.put((call, program_line()))
                reply: Reply = self._frames.get()
            except (EOFError, OSError):
                os._exit(1)  # all is over: there is nobody left to tell
            return reply


def program_line() -> str:
    """Where the program is that has called: the innermost line outside of this package."""
    frame = sys._getframe(1)
    while frame.f_code.co_filename.startswith(_HERE) and frame.f_back is not None:
        frame = frame.f_back
    code = frame.f_code
    return f"{os.path.basename(code.co_filename)}:{frame.f_lineno}, in {code.co_name}"


def run(frames: Frames) -> tuple[bytes, str]:
    """Take a program and run it; what it returned or raised, packed."""
    rank, ranks, work = frames.get()
    try:
        program, arguments = unpack(work)
        frames.put((READY, ""))
        clock, _ = frames.get()  # all start together
        line = Line(Caller(frames))
        line.clock = clock
        value = program(Endpoint(line, rank, tuple(range(ranks))), *arguments)
        return pack_value(value), RETURNED
    except BaseException as error:  # SystemExit too: who leaves early leaves the others waiting
        return pack_error(error), RAISED


def watch(parent: int) -> None:
    """End this process soon after its parent, where the kernel cannot be asked to."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


def main(descriptor: int, parent: int) -> None:
    """The whole life of a rank."""
    die_with_parent(parent)
    if sys.platform != "linux":
        threading.Thread(target=watch, args=(parent,), daemon=True).start()
    frames = Frames(socket.socket(fileno=descriptor))
    outcome = run(frames)
    sys.stdout.flush()
    sys.stderr.flush()
    frames.put(outcome)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
