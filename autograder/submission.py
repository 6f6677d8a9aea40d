"""Submissions: read from an archive, a folder or a file; written as an archive.

An archive is a zip of the lab's files and ``manifest.json``. Nothing of it is ever unpacked to
disk: the files that the lab names are read into memory, regular ones only, each up to a cap.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import stat
import zipfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from autograder.lab import Lab
from autograder.source import Rejected

MANIFEST = "manifest.json"
MAX_FILE = 4 * 2**20  # bytes of one file, unpacked
MAX_ARCHIVE = 16 * 2**20  # bytes of the archive itself
MAX_MEMBERS = 500
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # in every archive, so that equal answers make equal archives


@dataclass(frozen=True)
class Submission:
    """What one student handed in; ``problem`` says why it could not be read."""

    student: str
    files: dict[str, bytes]
    manifest: dict[str, Any] = field(default_factory=dict)
    problem: str | None = None

    @property
    def hash(self) -> str:
        """A hash of the files' names and contents."""
        digest = hashlib.sha256()
        for name, content in sorted(self.files.items()):
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
        return f"sha256:{digest.hexdigest()}"

    def complain(self, lab: Lab) -> None:
        """Raise `Rejected` when this is no complete submission of ``lab``."""
        if self.problem:
            raise Rejected("missing", self.problem)
        if self.manifest.get("lab", lab.name) != lab.name:
            raise Rejected("missing", f"this is an answer to {self.manifest['lab']!r}")
        if lab.file not in self.files:
            raise Rejected("missing", f"there is no {lab.file} in the submission")

    def note(self, lab: Lab) -> str:
        """What is odd about it but no reason to reject it."""
        odd = [f"there is no {name} in the submission" for name in self.missing(lab)]
        if self.manifest.get("lab_version", lab.version) != lab.version:
            odd.append("made with another version of the lab; graded with this one")
        return "; ".join(odd)

    def missing(self, lab: Lab) -> list[str]:
        """The extra files that it should hold: only the checks that read them are missed."""
        return [name for name in lab.extra if name not in self.files]


def read_submission(path: Path, lab: Lab) -> Submission:
    """Read one student's submission, whatever it is; what cannot be read has a ``problem``."""
    student = _student_of(path, lab)
    try:
        files = _read(path, lab)
        manifest = _manifest(files.pop(MANIFEST, b"{}"))
        return Submission(manifest.get("student") or student, files, manifest)
    except _Unreadable as error:
        return Submission(student, {}, problem=str(error))
    except Exception as error:  # zipfile has no list of what a damaged archive may raise
        return Submission(student, {}, problem=f"{path.name} cannot be read: {error}")


class _Unreadable(Exception):
    pass


def _read(path: Path, lab: Lab) -> dict[str, bytes]:
    wanted = {*lab.files, MANIFEST}
    if path.is_symlink():
        raise _Unreadable(f"{path.name} is a link")
    if path.is_dir():
        return {name: _read_file(path / name) for name in wanted if (path / name).exists()}
    if path.suffix == ".py":
        return {lab.file: _read_file(path)}
    if path.suffix == ".zip":
        return _read_archive(_read_file(path, MAX_ARCHIVE), wanted)
    raise _Unreadable(f"{path.name} is neither a zip archive, a folder nor a .py file")


def _read_file(path: Path, limit: int = MAX_FILE) -> bytes:
    if not stat.S_ISREG(path.lstat().st_mode):
        raise _Unreadable(f"{path.name} is not a regular file")
    with path.open("rb") as file:
        return _capped(file.read(limit + 1), path.name, limit)


def _read_archive(data: bytes, wanted: set[str]) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        if len(members) > MAX_MEMBERS:
            raise _Unreadable(f"the archive has {len(members)} members; at most {MAX_MEMBERS}")
        found: dict[str, bytes] = {}
        for member in members:
            name = PurePosixPath(member.filename).name
            if name not in wanted or not _is_acceptable(member):
                continue
            if name in found:
                raise _Unreadable(f"the archive has {name} twice")
            with archive.open(member) as file:
                found[name] = _capped(file.read(MAX_FILE + 1), name, MAX_FILE)
        return found


def _is_acceptable(member: zipfile.ZipInfo) -> bool:
    """True for a file at the top of the archive, or in one folder; odd names raise."""
    path = PurePosixPath(member.filename)
    kind = stat.S_IFMT(member.external_attr >> 16)
    if path.is_absolute() or ".." in path.parts or "\\" in member.filename:
        raise _Unreadable(f"the archive has a member called {member.filename!r}")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _Unreadable(f"{member.filename} is packed in a way that is not accepted; use deflate")
    if kind not in (0, stat.S_IFREG):
        raise _Unreadable(f"{member.filename} in the archive is not a regular file")
    return len(path.parts) <= 2 and path.parts[0] != "__MACOSX"


def _capped(data: bytes, name: str, limit: int) -> bytes:
    if len(data) > limit:
        raise _Unreadable(f"{name} has more than {limit:,} bytes")
    return data


def _manifest(data: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(data)
    except (ValueError, RecursionError):
        manifest = None
    if not isinstance(manifest, dict):
        raise _Unreadable(f"{MANIFEST} is not valid JSON")
    return {key: value for key, value in manifest.items() if isinstance(value, str)}


def _student_of(path: Path, lab: Lab) -> str:
    """The name that a file or folder name suggests: Ada for autodiff-Ada.zip."""
    return re.sub(r"\.(zip|py)$", "", path.name).removeprefix(f"{lab.name}-")


def write_archive(lab: Lab, files: dict[str, bytes], student: str) -> bytes:
    """A submission as zip; the same files give the same bytes."""
    files = {name: files[name] for name in lab.files if name in files}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    manifest = {"lab": lab.name, "lab_version": lab.version, "student": student, "files": hashes}
    members = {MANIFEST: json.dumps(manifest, indent=2, sort_keys=True).encode()}
    members |= files
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, LONG_AGO), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
