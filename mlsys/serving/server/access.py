"""The log: one JSON object a line, so that no line can be taken for two.

What stands in a path was chosen by somebody else, who may try to write lines of his own into the
log, or to move the cursor of whoever reads it in a terminal. So everything beyond printable ASCII
is escaped, and a long path is cut. Bodies, headers and queries are never written: they hold data of
users and tokens. A disk that is full costs lines, and no answer.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

LONGEST = 300  # characters of a text


class JsonLines:
    """Writes entries to a binary file without a buffer. lost: how many could not be written."""

    def __init__(self, file: BinaryIO, clock: Callable[[], float] = time.time) -> None:
        self._file, self._clock = file, clock
        self.lost = 0

    def __call__(self, entry: Mapping[str, Any]) -> None:
        """One line, with the time in seconds since 1970 in front."""
        try:
            self._file.write(line({"time": round(self._clock(), 3)} | dict(entry)))
        except OSError:
            self.lost += 1


def line(entry: Mapping[str, Any]) -> bytes:
    r"""An entry as printable ASCII and a line feed.

    >>> line({"path": "/v2\n{}\x1b[2J\x7fé"})
    b'{"path": "/v2\\n{}\\u001b[2J\\u007f\\u00e9"}\n'
    """
    cut = {name: _cut(value) if type(value) is str else value for name, value in entry.items()}
    return json.dumps(cut).replace("\x7f", "\\u007f").encode("ascii") + b"\n"


def faults_only(log: Callable[[Mapping[str, Any]], object]) -> Callable[[Mapping[str, Any]], None]:
    """The same log without the requests that were answered: what has gone wrong is still said."""

    def quiet(entry: Mapping[str, Any]) -> None:
        if "status" not in entry:
            log(entry)

    return quiet


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"
