"""The two commands: ``labs`` for students, ``autograder`` for instructors.

Exit codes of both: 0, all is well; 1, some marks were missed (``labs check``) or some submission
could not be graded for a fault of ours (``autograder grade``); 2, the request makes no sense.
"""

from __future__ import annotations

import io
import sys

import typer

from autograder.cli.course import autograder_app
from autograder.cli.labs import labs_app
from autograder.lab import LabError
from autograder.show import console

__all__ = ["autograder_app", "autograder_main", "labs_app", "labs_main"]


def labs_main() -> None:
    """Entry point of ``labs``."""
    _run(labs_app, "labs")


def autograder_main() -> None:
    """Entry point of ``autograder``."""
    _run(autograder_app, "autograder")


def _run(app: typer.Typer, name: str) -> None:
    """A mistake of the user is one line on stderr, without a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks a sign shows another one
            stream.reconfigure(errors="replace")
    try:
        app(prog_name=name)
    except (LabError, OSError) as error:
        console(stderr=True).print(f"error: {error}", markup=False, soft_wrap=True)
        raise SystemExit(2) from None
