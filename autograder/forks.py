"""A warm interpreter that forks: a child, NumPy imported, in milliseconds.

    server = ForkServer(command, environment, preparation)
    child = Child(server.fork(box, environment), box, limits)

The server imports what takes long, runs no student's code, and forks for each child; the child's
three pipes travel over a Unix socket. Linux only: elsewhere, forking after NumPy was imported is
not safe or not possible, and children are spawned.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autograder import wire

AVAILABLE = sys.platform == "linux"
MAX_MESSAGE = 2**16
PATIENCE = 60.0  # seconds until a server that does not answer is given up


class ForkServer:
    """Forks children on request; may be used from several threads."""

    def __init__(
        self, command: Sequence[str], environment: dict[str, str], preparation: dict[str, Any]
    ) -> None:
        self._turn = threading.Lock()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [*command, str(theirs.fileno())],
                env=environment,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._socket.settimeout(PATIENCE)
        self._socket.send(wire.encode(preparation))
        self._preparing = True

    def fork(self, cwd: Path, environment: dict[str, str]) -> Forked:
        """A new process in ``cwd``; raises `OSError` or `wire.WireError` if the server is gone."""
        pairs = [os.pipe(), os.pipe(), os.pipe()]
        theirs = [pairs[0][0], pairs[1][1], pairs[2][1]]
        ours = [pairs[0][1], pairs[1][0], pairs[2][0]]
        try:
            pid = self.ask({"cwd": str(cwd), "environment": environment}, theirs)
            return Forked(self, pid, ours)
        except (OSError, wire.WireError):
            for descriptor in ours:
                os.close(descriptor)
            raise
        finally:
            for descriptor in theirs:
                os.close(descriptor)

    def ask(self, request: dict[str, Any], descriptors: Sequence[int] = ()) -> Any:
        """Send one request and wait for its reply."""
        with self._turn:
            if self._preparing:  # we did not wait for that when it was asked for
                self._socket.recv(MAX_MESSAGE)
                self._preparing = False
            socket.send_fds(self._socket, [wire.encode(request)], descriptors)
            return wire.decode(self._socket.recv(MAX_MESSAGE))

    def close(self) -> None:
        """End the server; its children die with it."""
        self._socket.close()
        self._process.kill()
        self._process.wait()


class Forked:
    """The server's child, with the pipes to it, in the shape of `subprocess.Popen`."""

    def __init__(self, server: ForkServer, pid: int, pipes: Sequence[int]) -> None:
        self._server, self.pid = server, pid
        self.stdin, self.stdout, self.stderr = (
            os.fdopen(pipe, mode) for pipe, mode in zip(pipes, ("wb", "rb", "rb"), strict=True)
        )

    def wait(self, timeout: float | None = None) -> int:
        """The exit code; the server has it, because the child is the server's."""
        with contextlib.suppress(OSError, wire.WireError):
            code = self._server.ask({"wait": self.pid, "seconds": timeout})
            if code is None:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
            return int(code)
        return -9  # the server is gone, and its children with it
