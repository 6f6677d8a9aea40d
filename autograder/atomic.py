"""Write a file whole or not at all: a reader never sees half a gradebook."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_atomically(path: Path, text: str) -> None:
    """Put ``text`` (UTF-8) at ``path``, replacing what was there in one step.

    The folder is made when it is missing. When anything fails, the old file stays, and no other.
    """
    with replacing(path) as scratch:
        scratch.write_text(text, encoding="utf-8", newline="\n")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file to write instead of ``path``, whose place it takes when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield scratch
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)
