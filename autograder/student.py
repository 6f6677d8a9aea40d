"""What a check sees of a submission: functions to call, texts to read, errors that end it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

from autograder.lab import LabError
from autograder.process import Child, Lost
from autograder.sandbox import Sandbox

MAX_TEXT = 2**20  # bytes of a text file that is handed to a check
PATIENCE = 2  # time-outs of one function until an impatient grader asks it no more
MAX_LINE = 100  # characters of a line of code that is quoted


class StudentError(Exception):
    """The student's code gave no answer. Ends the check with 0 points and ``reason``."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class StudentRaised(StudentError):
    """The student's code raised an exception, of which only two texts are known."""

    def __init__(self, kind: str, text: str, place: str) -> None:
        reason = "memory" if kind == "MemoryError" else "error"
        place = place or " (outside your file, in using its answer)"
        super().__init__(reason, f"{kind}: {text}{place}")
        self.kind, self.text = kind, text


@dataclass(frozen=True)
class Cost:
    """What a call returned, its seconds of processor time, and the bytes it added at its peak.

    The kernel counts memory in batches: ``peak`` is good to about a megabyte.
    """

    value: Any
    cpu: float
    peak: int


class Handle:
    """An object in the student's process: its methods are called, it is never seen."""

    def __init__(self, ask: Callable[..., Any]) -> None:
        self._ask = ask

    def call(self, method: str, *arguments: object, **keywords: object) -> Any:
        """What the method returns, as plain data."""
        return self._ask(method, arguments, keywords)


class Conversation:
    """A function in the student's process that says things and waits for answers."""

    def __init__(self, go_on: Callable[[object], Any]) -> None:
        self._go_on = go_on

    def go_on(self, answer: object = None) -> tuple[bool, Any]:
        """Answer it (the first answer only starts it): whether it has ended, and what it says."""
        told = self._go_on(answer)
        if not (type(told) is list and len(told) == 2 and type(told[0]) is bool):
            raise StudentError("not_plain", "the reply was none that a conversation gives")
        return told[0], told[1]


class Student:
    """One submission, under one check: the first call starts a child of its own.

    Between two calls of ``restart`` the child remembers what it was told, as any program does.

    stuck: how often each function was too slow, shared by the checks of an impatient grader.
    """

    def __init__(
        self, files: dict[str, bytes], sandbox: Sandbox, stuck: Counter[str] | None = None
    ) -> None:
        self._files, self._sandbox, self._stuck = files, sandbox, stuck
        self._child: Child | None = None
        self._loaded, self._starting = False, Lock()
        self._said = ""  # printed by children that have ended

    def call(self, function: str, *arguments: object, **keywords: object) -> Any:
        """What the student's ``function`` returns, as plain data."""
        return self._ask("call", function, arguments, keywords)

    def run(self, probe: str, *arguments: object, **keywords: object) -> Any:
        """What the function ``probe`` of probes.py returns, run beside the student's file."""
        if probe not in self._sandbox.probes:  # our fault, which a child could pretend
            raise LookupError(f"probes.py defines no {probe}")
        return self._ask("probe", probe, arguments, keywords)

    def new(self, name: str, *arguments: object, **keywords: object) -> Handle:
        """A new object of the student's class ``name``, which lives until the next restart."""
        number = self._ask("new", name, arguments, keywords)
        return Handle(lambda *question: self._ask("method", *question, of=number))

    def converse(self, probe: str, *arguments: object) -> Conversation:
        """A conversation with ``probe(talk, module, *arguments)`` of probes.py.

        ``talk(what)`` in it returns the answer given here to ``what``.
        """
        if probe not in self._sandbox.probes:
            raise LookupError(f"probes.py defines no {probe}")
        number = self._send(probe, do="begin", name=probe, arguments=arguments)
        return Conversation(lambda answer: self._send(probe, do="go_on", of=number, answer=answer))

    def another(self) -> Student:
        """The same submission in a child of its own, which shares nothing with this one."""
        return Student(self._files, self._sandbox, self._stuck)

    def cost(self, function: str, *arguments: object, **keywords: object) -> Cost:
        """``call``, and what it took, read from outside the child where the system lets us."""
        limits = self._sandbox.lab.limits
        if limits.processes != 1 or limits.disk > 1:  # or others could bear it
            raise LabError("costs are of one process: put processes = 1, disk = 1 under [limits]")
        self.load()
        assert self._child
        peak, before = self._child.forget_peak(), self._child.processor_time()
        value = self.call(function, *arguments, **keywords)
        cost = Cost(value, self._child.processor_time() - before, peak())
        self._child.freeze()
        return cost

    def rival(self, file: str) -> Student:
        """Another student, who handed in ``file`` of the lab's folder."""
        lab = self._sandbox.lab
        return Student({lab.file: (lab.folder / file).read_bytes()}, self._sandbox)

    def call_raises(self, function: str, *arguments: object, **keywords: object) -> tuple[str, str]:
        """(type name, message) of what ``function`` raised; ("", "") when it returned."""
        return _raised(lambda: self.call(function, *arguments, **keywords))

    def run_raises(self, probe: str, *arguments: object, **keywords: object) -> tuple[str, str]:
        """(type name, message) of what the student's code raised; ("", "") when it did not."""
        return _raised(lambda: self.run(probe, *arguments, **keywords))

    def text(self, file: str) -> str:
        """The content of a text file of the submission."""
        if file not in self._files and file in self._sandbox.lab.extra:
            raise StudentError("missing", f"there is no {file} in the submission")
        content = self._files[file]
        if len(content) > MAX_TEXT:
            raise StudentError("output_limit", f"{file} is larger than {MAX_TEXT:,} bytes")
        try:
            return content.decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError:
            raise StudentError("not_plain", f"{file} is not UTF-8 text") from None

    def begin(self) -> None:
        """Start the child, and do not wait for it."""
        with self._starting:
            if self._child is None:
                self._child = self._sandbox.start(self._files)

    def load(self) -> None:
        """Run the student's file, once. Otherwise the first call does."""
        self.begin()
        if not self._loaded:
            self._loaded = True
            self._value(self._sandbox.load, self._child, "")

    def printed(self) -> tuple[str, str]:
        """What the student's code has printed while it was loaded, and after that."""
        loaded, later = self._child.printed() if self._child else ("", "")
        return loaded, self._said + later

    def restart(self) -> None:
        """End the child as a power cut does: the next call starts another, which knows nothing."""
        self.close()
        self._said, self._child, self._loaded = self.printed()[1], None, False

    def close(self) -> None:
        """End the child."""
        if self._child:
            self._child.close()

    def _ask(
        self,
        do: str,
        name: str,
        arguments: tuple[object, ...],
        keywords: object,
        **more: object,
    ) -> Any:
        return self._send(name, do=do, name=name, arguments=arguments, keywords=keywords, **more)

    def _send(self, about: str, **request: object) -> Any:
        """The answer to a request, which has to do with the function or probe ``about``."""
        self.load()
        assert self._child
        if self._stuck is not None and self._stuck[about] >= PATIENCE:
            why = f"{PATIENCE} other checks called the same function and had no answer in time"
            raise StudentError("timeout", f"not run, to save you time: {why}")
        return self._value(self._child.ask, request, about)

    def _value(self, ask: Callable[[Any], dict[str, Any]], request: Any, about: str) -> Any:
        """The value in the reply to ``ask(request)``, or the error it reports."""
        try:
            reply = ask(request)
        except Lost as lost:
            whose = ""
            if about and lost.reason == "timeout":
                whose = f"{about}: " if request["do"] == "call" else ""
                if self._stuck is not None:
                    self._stuck[about] += 1
            place = self._place(lost.where, "it was stopped ")
            raise StudentError(lost.reason, f"{whose}{lost}{place}") from None
        if "value" in reply:
            return reply["value"]
        kind, text, place = reply["error"], reply["message"], self._place(reply["where"])
        if kind in _WORDING:
            reason, wording = _WORDING[kind]
            raise StudentError(
                reason, wording.format(text) + (place if reason != "missing" else "")
            )
        raise StudentRaised(kind, text, place)

    def _place(self, where: str, how: str = "") -> str:
        """The place "line 12, in walk" in words, with the line itself."""
        if not where:
            return ""
        number = re.match(r"line (\d{1,7})\b", where)
        source = self._files[self._sandbox.lab.file].decode("utf-8", "replace").splitlines()
        lines = source[int(number[1]) - 1 : int(number[1])] if number and int(number[1]) else []
        quoted = "".join(f"\n    {line.strip()[:MAX_LINE]}" for line in lines)
        return f" ({how}at {where.removesuffix(', in <module>')} of your file){quoted}"


_WORDING = {
    "Missing": ("missing", "your file defines no function {}"),
    "NotImplementedError": ("missing", "not written yet: {}"),
    "NotPlain": ("not_plain", "the answer cannot be sent back: {}"),
    "SystemExit": ("exited", "your code ended the program with {}"),
    "NotAvailable": (
        "error",
        "{}() is not available when your file is checked: there is no keyboard",
    ),
}


def _raised(ask: Callable[[], object]) -> tuple[str, str]:
    try:
        ask()
    except StudentRaised as error:
        return error.kind, error.text
    return "", ""
