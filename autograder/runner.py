"""The far side: runs a student's file and answers questions about it.

This program and the student's file share a process, so it knows nothing worth stealing or
forging: no check, no expected value, no mark. It only does what frames on stdin ask,

    {"do": "prepare", ...}                  import paths, slow imports, walls and limits
    {"do": "put", "files": ...}             write the student's files
    {"do": "load", "name": ..., ...}        run the lab's probes.py, then the student's file
    {"do": "call", "name": ...}             call one of its functions
    {"do": "probe", "name": ...}            call a function of probes.py with the file's module
    {"do": "new", "name": ...}              make an object of one of its classes, answer its number
    {"do": "method", "of": 3, "name": ...}  call a method of object 3
    {"do": "begin", "name": ...}            a conversation with a function of probes.py: its number
    {"do": "go_on", "of": 2, "answer": ...} let conversation 2 run until it says something or ends
    {"do": "usage"}                         processor time and peak memory, where none else sees

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
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import ModuleType

from autograder import confine, wire

TYPE_CHECKING = False  # see wire
if TYPE_CHECKING:
    from typing import IO, Any

STUDENT = "_student"  # the name under which the student's file is loaded
PROBES = "probes"
STACK = 2**20  # bytes of each conversation's thread; recursion in Python needs little of it
LOADED = "\0loaded\0"  # parts what a file prints while it is loaded from what it prints later


class Missing(Exception):
    """The student's file defines no such function."""


class NotAvailable(Exception):
    """What the student's code asks for does not exist here."""


def main() -> None:
    """Answer frames until the grader closes the pipe."""
    modules: dict[str, ModuleType] = {}
    requests, replies = _take_channels()
    while True:
        try:
            request = wire.read_frame(requests)
        except wire.Closed:
            return
        _reply(replies, answer(modules, request))


def _take_channels() -> tuple[IO[bytes], IO[bytes]]:
    """Move the frames to descriptors of their own: stdin is then empty and stdout mere text."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, replies


def answer(modules: dict[str, ModuleType], request: dict[str, Any]) -> dict[str, Any]:
    """Do what a frame asks; the reply says what came of it."""
    try:
        return {"value": _DEEDS[request.pop("do")](modules, **request)}
    except SystemExit as stop:
        code = "" if stop.code is None else repr(stop.code)[:200]
        return {"error": "SystemExit", "message": f"exit({code})", "where": _where(stop)}
    except MemoryError as error:
        return {"error": "MemoryError", "message": "out of memory", "where": _where(error)}
    except BaseException as error:
        return {"error": type(error).__name__, "message": _text(error), "where": _where(error)}


def _reply(replies: IO[bytes], reply: dict[str, Any]) -> None:
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    try:
        wire.write_frame(replies, reply)
    except (wire.WireError, MemoryError) as error:
        wire.write_frame(replies, {"error": "NotPlain", "message": _text(error), "where": ""})


def prepare(
    modules: dict[str, ModuleType],
    paths: list[str],
    preload: list[str],
    walls: dict[str, Any],
    limits: dict[str, int],
) -> None:
    """Extend the import path, import what takes long, raise walls round this process.

    walls: see `confine.raise_walls`; without any, only the limits are set, those that there are.
    """
    _replace_what_needs_a_person()
    if hasattr(signal, "SIGUSR1"):  # sent before a child is killed, so that it tells where it was
        faulthandler.register(signal.SIGUSR1, 2, all_threads=True)
    sys.path.extend(path for path in paths if path not in sys.path)
    for name in preload:
        importlib.import_module(name)
    if walls:
        confine.raise_walls(walls, limits)
    else:
        confine.set_limits(limits)
    confine.die_with_parent()  # last, because the kernel forgets it when the user changes


def put(modules: dict[str, ModuleType], files: dict[str, bytes]) -> None:
    """Write the student's files into this folder."""
    for name, content in files.items():
        with open(name, "wb") as file:
            file.write(content)


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
    with _the_missing_named(modules[STUDENT]):
        return getattr(modules[PROBES], name)(modules[STUDENT], *arguments, **keywords)


def new(
    modules: dict[str, ModuleType], name: str, arguments: list[Any], keywords: dict[str, Any]
) -> int:
    """The number of a new object of the student's class ``name``."""
    _objects.append(call(modules, name, arguments, keywords))
    return len(_objects) - 1


def method(
    modules: dict[str, ModuleType],
    of: int,
    name: str,
    arguments: list[Any],
    keywords: dict[str, Any],
) -> Any:
    """What the method ``name`` of an object returns."""
    function = getattr(_objects[of], name, None)
    if not callable(function):
        raise Missing(f"{type(_objects[of]).__name__}.{name}")
    return function(*arguments, **keywords)


def usage(modules: dict[str, ModuleType]) -> list[float]:
    """Seconds of processor time and bytes at the peak, for systems that hide them from others."""
    peak = 0
    with contextlib.suppress(ImportError):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return [time.process_time(), float(peak)]


class Conversation:
    """A function that runs until it says something, and goes on when it is answered.

    It has a thread to itself, but never runs while another one does: each waits for its turn.
    """

    def __init__(self, function: Callable[..., Any], arguments: list[Any]) -> None:
        self._said: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._heard: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.stack_size(STACK)
        thread = threading.Thread(target=self._run, args=(function, arguments), daemon=True)
        thread.start()

    def go_on(self, answer: Any) -> list[Any]:
        """Whether it has ended, and what it says or returns; raises what it raises."""
        self._heard.put(answer)
        how, what = self._said.get()
        if how == "raised":
            raise what
        return [how == "returned", what]

    def _talk(self, what: Any) -> Any:
        self._said.put(("said", what))
        return self._heard.get()

    def _run(self, function: Callable[..., Any], arguments: list[Any]) -> None:
        self._heard.get()
        try:
            self._said.put(("returned", function(self._talk, *arguments)))
        except BaseException as error:
            self._said.put(("raised", error))


def begin(modules: dict[str, ModuleType], name: str, arguments: list[Any]) -> int:
    """The number of a new conversation with the lab's probe ``name``: probe(talk, module, ...)."""
    function, student = getattr(modules[PROBES], name), modules[STUDENT]
    _objects.append(Conversation(function, [student, *arguments]))
    return len(_objects) - 1


def go_on(modules: dict[str, ModuleType], of: int, answer: Any) -> list[Any]:
    """Let a conversation run on: whether it has ended, and what it says or returns."""
    with _the_missing_named(modules[STUDENT]):
        told: list[Any] = _objects[of].go_on(answer)
    return told


_objects: list[Any] = []
_DEEDS: dict[str, Callable[..., Any]] = {
    "prepare": prepare,
    "put": put,
    "load": load,
    "call": call,
    "probe": probe,
    "new": new,
    "method": method,
    "begin": begin,
    "go_on": go_on,
    "usage": usage,
}


@contextlib.contextmanager
def _the_missing_named(student: ModuleType) -> Iterator[None]:
    """What a probe asked for and the student's file does not define."""
    try:
        yield
    except AttributeError as error:
        if error.obj is student:
            raise Missing(error.name) from None
        raise


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
