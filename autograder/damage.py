"""What happens to archives on the way: zips that are cut, repacked, or packed to do harm.

Each function takes the archive that ``labs submit`` wrote and the name of the student's file, and
returns the archive that arrives. `DAMAGES` lists them by name.
"""

from __future__ import annotations

import io
import stat
import warnings
import zipfile
from collections.abc import Callable, Iterable

from autograder.submission import LONG_AGO

Member = tuple[str, bytes]
SHADOWS = ("numpy.py", "json.py", "conftest.py", "sitecustomize.py", "probes.py", "mlsys.py")


def cut(archive: bytes, file: str) -> bytes:
    """An upload that broke off."""
    return archive[: len(archive) // 2]


def renamed(archive: bytes, file: str) -> bytes:
    """The right file under a wrong name."""
    return _packed((name.replace(file, f"final_{file}"), data) for name, data in _members(archive))


def in_a_folder(archive: bytes, file: str) -> bytes:
    """Packed again by a desktop, with a folder around it and the desktop's own files."""
    kept = [(f"my answer/{name}", data) for name, data in _members(archive)]
    return _packed([*kept, (f"__MACOSX/._{file}", b"\0\5\26\7"), ("my answer/.DS_Store", b"\0")])


def climbing(archive: bytes, file: str) -> bytes:
    """A member that wants to be unpacked above the folder of the submission."""
    return _packed([*_members(archive), (f"../../{file}", b"raise SystemExit(0)\n")])


def linked(archive: bytes, file: str) -> bytes:
    """The student's file is a symbolic link to a file of the grader's machine."""
    kept = [(name, data) for name, data in _members(archive) if name != file]
    return _packed([*kept, (file, b"../../../etc/passwd")], links={file})


def bomb(archive: bytes, file: str) -> bytes:
    """A few kilobytes that unpack to more than a file may have (5 MiB, to stay harmless)."""
    kept = [(name, data) for name, data in _members(archive) if name != file]
    return _packed([*kept, (file, b"#" * 5 * 2**20)])


def twice(archive: bytes, file: str) -> bytes:
    """The same file twice: which one counts?"""
    return _packed([*_members(archive), (file, b"raise SystemExit(0)\n")])


def shadowing(archive: bytes, file: str) -> bytes:
    """Files named as modules that the grader or its tools import, should they look here."""
    traps = [(name, b"raise SystemExit(0)\n") for name in SHADOWS]
    return _packed([*_members(archive), *traps])


DAMAGES: dict[str, Callable[[bytes, str], bytes]] = {
    one.__name__: one
    for one in (cut, renamed, in_a_folder, climbing, linked, bomb, twice, shadowing)
}


def _members(archive: bytes) -> list[Member]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return [(name, opened.read(name)) for name in opened.namelist()]


def _packed(members: Iterable[Member], links: Iterable[str] = ()) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # zipfile warns of a name that comes twice
        for name, data in members:
            about = zipfile.ZipInfo(name, LONG_AGO)
            kind = stat.S_IFLNK | 0o777 if name in links else stat.S_IFREG | 0o644
            about.external_attr = kind << 16
            archive.writestr(about, data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
