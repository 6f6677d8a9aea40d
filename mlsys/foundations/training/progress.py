"""A progress bar for people: shown in a terminal, silent in a file, a pipe or a test."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TextIO


def bar(title: str, steps: range, stream: TextIO | None = None) -> Iterable[int]:
    """The steps one by one, with a bar on ``stream`` (standard error) if that is a terminal."""
    stream = stream or sys.stderr
    if not stream.isatty():
        return steps
    from rich.console import Console
    from rich.progress import track

    console = Console(file=stream)
    return track(steps, title, total=steps.stop, completed=steps.start, console=console)
