"""What a check sees of a submission: functions to call, texts to read, errors that end it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autograder.process import Child, Lost
from autograder.sandbox import Sandbox

MAX_TEXT = 2**20  # bytes of a text file that is handed to a check


class StudentError(Exception):
    """The student's code gave no answer. Ends the check with 0 points and ``reason``."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class StudentRaised(StudentError):
    """The student's code raised an exception, of which only two texts are known."""

    def __init__(self, kind: str, text: str, where: str) -> None:
        reason = "memory" if kind == "MemoryError" else "error"
        place = f"at {where} of your file" if where else "outside your file, in using its answer"
        super().__init__(reason, f"{kind}: {text} ({place})")
        self.kind, self.text = kind, text


class Student:
    """One submission, under one check: the first call starts a child of its own."""

    def __init__(self, files: dict[str, bytes], sandbox: Sandbox) -> None:
        self._files, self._sandbox = files, sandbox
        self._child: Child | None = None

    def call(self, function: str, *arguments: object, **keywords: object) -> Any:
        """What the student's ``function`` returns, as plain data."""
        return self._ask("call", function, arguments, keywords)

    def run(self, probe: str, *arguments: object, **keywords: object) -> Any:
        """What the function ``probe`` of probes.py returns, run beside the student's file."""
        return self._ask("probe", probe, arguments, keywords)

    def call_raises(self, function: str, *arguments: object, **keywords: object) -> tuple[str, str]:
        """(type name, message) of what ``function`` raised; ("", "") when it returned."""
        return _raised(lambda: self.call(function, *arguments, **keywords))

    def run_raises(self, probe: str, *arguments: object, **keywords: object) -> tuple[str, str]:
        """(type name, message) of what the student's code raised; ("", "") when it did not."""
        return _raised(lambda: self.run(probe, *arguments, **keywords))

    def text(self, file: str) -> str:
        """The content of a text file of the submission."""
        content = self._files[file]
        if len(content) > MAX_TEXT:
            raise StudentError("output_limit", f"{file} is larger than {MAX_TEXT:,} bytes")
        try:
            return content.decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError:
            raise StudentError("not_plain", f"{file} is not UTF-8 text") from None

    def load(self) -> None:
        """Run the student's file now. Otherwise the first call does."""
        if self._child is None:
            self._child = self._sandbox.start(self._files)
            _value(self._sandbox.load, self._child)

    def printed(self) -> str:
        """What the student's code has printed so far."""
        return self._child.printed() if self._child else ""

    def close(self) -> None:
        """End the child."""
        if self._child:
            self._child.close()

    def _ask(self, do: str, name: str, arguments: tuple[object, ...], keywords: object) -> Any:
        self.load()
        assert self._child
        request = {"do": do, "name": name, "arguments": arguments, "keywords": keywords}
        return _value(self._child.ask, request)


def _value(ask: Callable[[Any], dict[str, Any]], about: object) -> Any:
    """The value in the reply to ``ask(about)``, or the error it reports."""
    try:
        reply = ask(about)
    except Lost as lost:
        raise StudentError(lost.reason, str(lost)) from None
    if "value" in reply:
        return reply["value"]
    kind, text = reply["error"], reply["message"]
    if kind == "NoProbe":
        raise LookupError(f"probes.py defines no {text}")  # a fault of the lab
    if kind in _WORDING:
        reason, wording = _WORDING[kind]
        raise StudentError(reason, wording.format(text))
    raise StudentRaised(kind, text, reply["where"])


_WORDING = {
    "Missing": ("missing", "your file defines no function {}"),
    "NotImplementedError": ("missing", "not written yet: {}"),
    "NotPlain": ("not_plain", "the answer cannot be sent back: {}"),
    "SystemExit": ("exited", "your code called {}"),
}


def _raised(ask: Callable[[], object]) -> tuple[str, str]:
    try:
        ask()
    except StudentRaised as error:
        return error.kind, error.text
    return "", ""
