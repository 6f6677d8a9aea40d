"""A warm interpreter that forks: a child, NumPy imported, in milliseconds.

    server = ForkServer(command, environment, walls, preparation)
    child = Child(server.fork(folder, environment), ...)

The server (`zygote`) imports what takes long, runs no student's code, and forks for each child; the
child's three pipes travel over a Unix socket, and a descriptor of the process comes back. Linux
only: elsewhere, forking after NumPy was imported is not safe or not possible, and children are
spawned.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
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
    """Forks children on request; may be used from several threads.

    Raises `OSError` with what the server said when it cannot start, or not within ``walls``.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: dict[str, str],
        walls: dict[str, Any],
        preparation: dict[str, Any],
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
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        self._socket.settimeout(PATIENCE)
        self._descriptor = self._begin(walls)
        self._socket.send(wire.encode(preparation))
        self._preparing = True

    def _begin(self, walls: dict[str, Any]) -> int:
        """A descriptor of the server's own process, once it is where it shall be."""
        try:
            self._socket.send(wire.encode(walls))
            answer, descriptors = self._receive()
            if answer is None and descriptors:
                return descriptors[0]
            raise OSError(f"a walled process cannot be had: {answer}")
        except (OSError, wire.WireError) as error:
            self._socket.close()
            self._process.kill()
            said = self._process.communicate()[1].decode("utf-8", "replace").strip()
            raise OSError(f"{error}; {said[-300:]}" if said else str(error)) from None

    def _receive(self) -> tuple[Any, list[int]]:
        message, descriptors, _, _ = socket.recv_fds(self._socket, MAX_MESSAGE, 1)
        return wire.decode(message), descriptors

    def fork(self, folder: str, environment: dict[str, str], doors: Sequence[int] = ()) -> Forked:
        """A new process in ``folder``; raises `OSError` when the server is gone.

        doors: of a control group (`cgroup.Group.doors`), through which it goes at once.
        """
        pairs = [os.pipe(), os.pipe(), os.pipe()]
        theirs = [pairs[0][0], pairs[1][1], pairs[2][1]]
        ours = [pairs[0][1], pairs[1][0], pairs[2][0]]
        request = {"cwd": folder, "environment": environment}
        try:
            number, (descriptor,) = self.ask(request, [*theirs, *doors])
            return Forked(self, number, descriptor, ours)
        except (OSError, ValueError, wire.WireError) as error:
            for pipe in ours:
                os.close(pipe)
            raise OSError(f"the fork server is gone: {error}") from None
        finally:
            for pipe in theirs:
                os.close(pipe)

    def ask(self, request: dict[str, Any], descriptors: Sequence[int] = ()) -> Any:
        """Send one request and wait for its reply and the descriptors that come with it."""
        with self._turn:
            if self._preparing:  # we did not wait for that when it was asked for
                self._receive()
                self._preparing = False
            socket.send_fds(self._socket, [wire.encode(request)], descriptors)
            return self._receive()

    def close(self) -> None:
        """End the server; its children die with it. Once is enough."""
        with self._turn:
            if self._socket.fileno() >= 0:
                self._socket.close()
                with contextlib.suppress(OSError):
                    signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)
                os.close(self._descriptor)
                self._process.kill()
                self._process.communicate()


class Forked:
    """The server's child, with the pipes to it, as a `process.Process`."""

    def __init__(
        self, server: ForkServer, number: int, descriptor: int, pipes: Sequence[int]
    ) -> None:
        self._server, self._number, self._descriptor = server, number, descriptor
        self.pid = _number_here(descriptor)
        self.stdin, self.stdout, self.stderr = (
            os.fdopen(pipe, mode) for pipe, mode in zip(pipes, ("wb", "rb", "rb"), strict=True)
        )

    def send_signal(self, number: int) -> None:
        """Send a signal, to this process and no other that may have its number by now."""
        with contextlib.suppress(OSError):
            signal.pidfd_send_signal(self._descriptor, number)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code; the server has it, because the child is the server's."""
        if not ready(self._descriptor, timeout):
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
        with contextlib.suppress(OSError, wire.WireError):
            return int(self._server.ask({"wait": self._number})[0])
        return -9  # the server is gone, and its children with it

    def kill_all(self) -> None:
        """End the process and its group."""
        with contextlib.suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)

    def release(self) -> None:
        """Give the descriptor of the process back."""
        os.close(self._descriptor)


def ready(file: Any, seconds: float | None = None) -> bool:
    """Whether there is something to read, or an end, within a time; without one, wait for it.

    file: anything with a descriptor, or one; on Windows, which cannot wait for a pipe, no pipe.
    """
    waiting = select.poll()
    waiting.register(file, select.POLLIN)
    return bool(waiting.poll(None if seconds is None else seconds * 1000))


def _number_here(descriptor: int) -> int:
    """The number of the process that ``descriptor`` stands for, as it is counted here."""
    about = Path(f"/proc/self/fdinfo/{descriptor}").read_text()
    return int(about.partition("Pid:")[2].split()[0])
