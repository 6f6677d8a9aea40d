"""A disk that forgets what it was not told to keep: files, names, and what a power cut leaves."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from autograder import Wrong

Files = dict[str, bytes]
SECTOR = 32  # bytes that reach the disk together, unless the power goes just then
LARGEST = 2**20  # bytes of a file
ARGUMENTS = {
    "write": [str, int, bytes], "fsync": [str], "fsync_dir": [], "rename": [str, str],
    "unlink": [str],
}  # fmt: skip


class Disk:
    """A folder as the running program sees it, and what of it would survive a power cut.

    names: file number by name; contents: by file number. Of both there is what is seen, and what
    is safe. Between the two stand the changes that were not asked to be safe yet.
    """

    def __init__(self, files: Files) -> None:
        self.safe_names = {name: number for number, name in enumerate(files)}
        self.safe = dict(enumerate(files.values()))
        self.names, self.contents = dict(self.safe_names), dict(self.safe)
        self.renamed: list[dict[str, int | None]] = []  # changes of the folder
        self.written: list[tuple[int, int, bytes]] = []  # file number, offset, bytes of one sector
        self.syncs = self.bytes = 0

    def files(self) -> Files:
        """What the running program sees."""
        return {name: self.contents[number] for name, number in self.names.items()}

    def do(self, operation: list[Any]) -> None:
        verb, *rest = operation
        getattr(self, verb)(*rest)

    def write(self, name: str, offset: int, data: bytes) -> None:
        if name not in self.names:
            number = len(self.contents)
            self.contents[number] = self.safe[number] = b""
            self._change({name: number})
        number = self.names[name]
        self.contents[number] = overlaid(self.contents[number], offset, data)
        self.bytes += len(data)
        ends = [*range(offset - offset % SECTOR + SECTOR, offset + len(data), SECTOR)]
        for start, end in itertools.pairwise([offset, *ends, offset + len(data)]):
            self.written.append((number, start, data[start - offset : end - offset]))

    def fsync(self, name: str) -> None:
        number = self._number(name)
        self.safe[number] = self.contents[number]
        self.written = [piece for piece in self.written if piece[0] != number]
        self.syncs += 1

    def fsync_dir(self) -> None:
        self.safe_names, self.renamed = dict(self.names), []
        self.syncs += 1

    def rename(self, old: str, new: str) -> None:
        self._change({old: None, new: self._number(old)})

    def unlink(self, name: str) -> None:
        self._number(name)
        self._change({name: None})

    def after_power_cut(self, renamed: Any, written: Any, torn: int = 0) -> Files:
        """What is found if these changes had reached the disk, the last write but for its end."""
        names: dict[str, int | None] = dict(self.safe_names)
        for change in renamed:
            names |= change
        contents = dict(self.safe)
        for place, (number, offset, data) in enumerate(written):
            kept = data[:torn] if torn and place == len(written) - 1 else data
            contents[number] = overlaid(contents[number], offset, kept)
        return {name: contents[n] for name, n in names.items() if n is not None}

    def power_cuts(self, rng) -> Iterator[Files]:
        """All that may be found, or a hundred possibilities; then some with a write torn."""
        changes = [
            *((self.renamed, c) for c in self.renamed),
            *((self.written, p) for p in self.written),
        ]
        n = len(changes)
        picks = itertools.product((0, 1), repeat=n) if n < 8 else self._some(rng, n)
        for pick in picks:
            kept = [change for change, chosen in zip(changes, pick, strict=True) if chosen]
            renamed = [c for where, c in kept if where is self.renamed]
            written = [p for where, p in kept if where is self.written]
            yield self.after_power_cut(renamed, written)
            if written:
                torn = int(rng.integers(0, len(written[-1][2]) + 1))
                yield self.after_power_cut(renamed, written, torn)

    @staticmethod
    def _some(rng, n: int) -> Iterator[list[int]]:
        """None, all, one alone, all but one, and random choices."""
        alone = np.eye(n, dtype=int)
        rows = [np.zeros(n, int), np.ones(n, int), *alone[:20], *(1 - alone[:20])]
        yield from [*rows, *rng.integers(0, 2, (60, n))]

    def _number(self, name: str) -> int:
        if name not in self.names:
            raise Wrong(
                f"there is no {name} then; the folder holds {', '.join(self.names) or 'nothing'}. "
                f"A name is there from its first write on, until it is renamed or unlinked"
            )
        return self.names[name]

    def _change(self, change: dict[str, int | None]) -> None:
        self.renamed.append(change)
        for name, number in change.items():
            self.names.pop(name, None)
            if number is not None:
                self.names[name] = number


def overlaid(content: bytes, offset: int, data: bytes) -> bytes:
    """Zeros fill the gap behind the end, if data lie beyond it."""
    return content[:offset].ljust(offset, b"\0") + data + content[offset + len(data) :]
