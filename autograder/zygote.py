"""The far side of `forks`: a warm interpreter that forks a child at each request.

It imports what takes long and runs no student's code. A message on its socket is the request for a
child, whose stdin, stdout and stderr come with it, or the question how one ended. The answer to the
first is the child's number and a descriptor of the process, which holds for the grader outside
whatever the number means there.
"""

from __future__ import annotations

import contextlib
import os
import socket

from autograder import confine, wire
from autograder.runner import answer

TYPE_CHECKING = False  # see wire
if TYPE_CHECKING:
    from typing import Any

MAX_MESSAGE = 2**16
MOST_DESCRIPTORS = 5  # three pipes, and the doors of a control group


def serve(descriptor: int) -> None:
    """Answer until the grader is gone. Returns in each child, which is then a fresh process.

    The first message says whether to enter namespaces, the second what to prepare; each is
    answered, so that the grader learns early whether the walls can be had at all.
    """
    control = socket.socket(fileno=descriptor)
    own = _enter(control, wire.decode(control.recv(MAX_MESSAGE)))
    _send(control, answer({}, wire.decode(control.recv(MAX_MESSAGE))))
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, MAX_MESSAGE, MOST_DESCRIPTORS)
        if not message:
            os._exit(0)
        request = wire.decode(message)
        if "wait" in request:  # it has ended: this does not take long
            ended = os.waitpid(request["wait"], 0)[1]
            _send(control, os.waitstatus_to_exitcode(ended))
        elif child := os.fork() if own is None else confine.fork_apart(own):
            for number in descriptors:
                os.close(number)
            process = os.pidfd_open(child)
            _send(control, child, [process])
            os.close(process)
        else:
            return _become(request, descriptors)


def _enter(control: socket.socket, walls: dict[str, Any]) -> int | None:
    """Go into namespaces, if that is what the walls are; a descriptor of this process then."""
    own = None
    try:
        if walls and walls["namespaces"]:
            own = confine.enter(walls["user"])
        confine.die_with_parent()
        here = os.pidfd_open(os.getpid())
        _send(control, None, [here])
        os.close(here)
    except OSError as error:
        _send(control, str(error))
        os._exit(1)
    return own


def _send(control: socket.socket, value: object, descriptors: list[int] | None = None) -> None:
    socket.send_fds(control, [wire.encode(value)], descriptors or [])


def _become(request: dict[str, Any], descriptors: list[int]) -> None:
    """Make a fresh fork what a new process would be: no descriptor but three, no memory of us."""
    os.setsid()
    for door in descriptors[3:]:
        with contextlib.suppress(OSError):  # then the grader takes it in
            os.write(door, b"0")
    for place, descriptor in enumerate(descriptors[:3]):
        os.dup2(descriptor, place)
    os.closerange(3, 2**16)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["cwd"])
