"""The far side: runs a student's file and answers questions about it.

This program and the student's file share a process, so it knows nothing worth stealing or
forging: no check, no expected value, no mark. It only does what frames on stdin ask,

    {"do": "prepare", ...}                  limits, import paths, modules worth importing early
    {"do": "load", "name": ..., ...}        run the student's file, then the lab's probes.py
    {"do": "call", "name": ...}             call one of its functions
    {"do": "probe", "name": ...}            call a function of probes.py with the file's module

and answers each with {"value": ...} or {"error": type, "message": ..., "where": ...}. It needs
only the standard library, and never sees more of it than what it is asked to load.
"""

from __future__ import annotations

import builtins
import contextlib
import faulthandler
import importlib
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import IO, Any

from autograder import wire

STUDENT = "_student"  # the name under which the student's file is loaded
PROBES = "probes"
LOADED = "\0loaded\0"  # parts what a file prints while it is loaded from what it prints later
LINUX_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG


class Missing(Exception):
    """The student's file defines no such function."""


class NoProbe(Exception):
    """The lab's probes.py defines no such function."""


class NotAvailable(Exception):
    """What the student's code asks for does not exist here."""


def main() -> None:
    """Answer frames until the grader closes the pipe; with a socket's number, fork to do so."""
    if len(sys.argv) > 1:
        _serve_forks(int(sys.argv[1]))
    _answer_frames({})


def _serve_forks(descriptor: int) -> None:
    """Keep an interpreter warm: fork at each request, and tell how the forks ended.

    Returns in the fork, whose stdin, stdout and stderr have come with the request.
    """
    import socket  # the two slow imports of this file are not for every child

    control = socket.socket(fileno=descriptor)
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 2**16, 3)
        if not message:
            os._exit(0)
        request = wire.decode(message)
        answer: Any
        if "wait" in request:
            answer = _wait(request["wait"], request["seconds"])
        elif not descriptors:
            answer = _answer({}, request)
        elif answer := os.fork():
            for number in descriptors:
                os.close(number)
        else:
            control.close()
            return _become(request, descriptors)
        control.send(wire.encode(answer))


def _wait(pid: int, seconds: float | None) -> int | None:
    """The exit code of a fork; None when it still runs after ``seconds``."""
    deadline = time.monotonic() + (seconds or 0.0)
    while not (ended := os.waitpid(pid, 0 if seconds is None else os.WNOHANG))[0]:
        if time.monotonic() >= deadline:
            return None
        time.sleep(0.005)
    return os.waitstatus_to_exitcode(ended[1])


def _become(request: dict[str, Any], descriptors: list[int]) -> None:
    """Make a fresh fork what a new process would be."""
    os.setsid()
    for place, descriptor in enumerate(descriptors):
        os.dup2(descriptor, place)
        os.close(descriptor)
    os.chdir(request["cwd"])
    os.environ.update(request["environment"])


def _answer_frames(modules: dict[str, ModuleType]) -> None:
    requests, replies = _take_channels()
    while True:
        try:
            request = wire.read_frame(requests)
        except wire.Closed:
            return
        _reply(replies, _answer(modules, request))


def _take_channels() -> tuple[IO[bytes], IO[bytes]]:
    """Move the frames to descriptors of their own: stdin is then empty and stdout mere text."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return requests, replies


def _answer(modules: dict[str, ModuleType], request: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"value": _DEEDS[request.pop("do")](modules, **request)}
    except SystemExit as stop:
        code = "" if stop.code is None else repr(stop.code)[:200]
        return {"error": "SystemExit", "message": f"exit({code})", "where": _where(stop)}
    except MemoryError as error:
        return {"error": "MemoryError", "message": "out of memory", "where": _where(error)}
    except BaseException as error:
        return {"error": type(error).__name__, "message": _text(error), "where": _where(error)}


def _reply(replies: IO[bytes], answer: dict[str, Any]) -> None:
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    try:
        wire.write_frame(replies, answer)
    except (wire.WireError, MemoryError) as error:
        wire.write_frame(replies, {"error": "NotPlain", "message": _text(error), "where": ""})


def prepare(
    modules: dict[str, ModuleType], paths: list[str], preload: list[str], limits: dict[str, int]
) -> None:
    """Set limits on this process, extend the import path, import what takes long."""
    _die_with_parent()
    _replace_what_needs_a_person()
    if hasattr(signal, "SIGUSR1"):  # sent before a child is killed, so that it tells where it was
        faulthandler.register(signal.SIGUSR1, 2, all_threads=False)
    sys.path.extend(paths)
    for name in preload:
        importlib.import_module(name)
    _set_limits(limits)


def load(modules: dict[str, ModuleType], name: str, file: str) -> None:
    """Run a file as the module ``name``."""
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickling look their module up
    try:
        spec.loader.exec_module(module)
    finally:
        _mark_loaded(name)
    modules[name] = module


def call(
    modules: dict[str, ModuleType], name: str, arguments: list[Any], keywords: dict[str, Any]
) -> Any:
    """What the student's function ``name`` returns."""
    function = getattr(modules[STUDENT], name, None)
    if not callable(function):
        raise Missing(name)
    return function(*arguments, **keywords)


def probe(
    modules: dict[str, ModuleType], name: str, arguments: list[Any], keywords: dict[str, Any]
) -> Any:
    """What the lab's probe ``name`` returns for the student's module."""
    function = getattr(modules.get(PROBES), name, None)
    if function is None:
        raise NoProbe(name)
    try:
        return function(modules[STUDENT], *arguments, **keywords)
    except AttributeError as error:
        if error.obj is modules[STUDENT]:
            raise Missing(error.name) from None
        raise


_DEEDS: dict[str, Callable[..., Any]] = {
    "prepare": prepare,
    "load": load,
    "call": call,
    "probe": probe,
}


def _text(error: BaseException) -> str:
    """The message, cut short; a student's exception may fail even at that."""
    try:
        return str(error)[:2000].encode("utf-8", "replace").decode()
    except BaseException:
        return "(its message could not be read)"


def _where(error: BaseException) -> str:
    """The innermost line of the student's file, as 'line 12, in walk'."""
    student = getattr(sys.modules.get(STUDENT), "__file__", None)
    try:
        import traceback

        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == student]
        return f"line {frames[-1].lineno}, in {frames[-1].name}" if frames else ""
    except BaseException:
        return ""


def _mark_loaded(name: str) -> None:
    if name == STUDENT:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            os.write(2, LOADED.encode())


def _replace_what_needs_a_person() -> None:
    """`input` and `breakpoint` say why they cannot work; `exit` is there though ``site`` is not."""

    def instead_of(name: str) -> Callable[..., None]:
        def unavailable(*arguments: object, **keywords: object) -> None:
            raise NotAvailable(name)

        return unavailable

    vars(builtins)["input"] = instead_of("input")
    sys.breakpointhook = instead_of("breakpoint")
    vars(builtins).update(exit=sys.exit, quit=sys.exit)


def _die_with_parent() -> None:
    """On Linux, ask the kernel to kill this process when the grader is gone."""
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(LINUX_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def _set_limits(limits: dict[str, int]) -> None:
    """Lower this process's limits for good; a platform without them (Windows) goes without."""
    try:
        import resource
    except ImportError:
        return
    wanted = {"RLIMIT_AS": limits["memory"], "RLIMIT_CPU": limits["cpu"]}
    wanted |= {"RLIMIT_FSIZE": limits["file"], "RLIMIT_CORE": 0}
    for name, value in wanted.items():
        with contextlib.suppress(ValueError, OSError, AttributeError):
            resource.setrlimit(getattr(resource, name), (value, value))


if __name__ == "__main__":
    main()
