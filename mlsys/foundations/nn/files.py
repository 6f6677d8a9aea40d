"""Model files: a header of names, types, shapes and offsets, then the numbers; nothing that runs.

    8 bytes    length of the header
    header     {"norm.weight": {"dtype": "F32", "shape": [64], "data_offsets": [0, 256]}, ...}
    data       the arrays, one behind the other, little-endian

A pickle is a program that rebuilds objects when it is loaded, and may do anything else; here
loading is reading. Saving is all or nothing: the file is written under another name in the same
folder, pushed to the disk, and renamed, so that whoever opens the path finds the old file or the
new one, whole.
Source: the safetensors format, https://github.com/huggingface/safetensors.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from mlsys.foundations.autodiff.graph import Array


class ModelFileError(ValueError):
    """A file is no model file, is damaged, or holds what NumPy cannot hold."""


def save(
    path: str | os.PathLike[str],
    state: Mapping[str, Array],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write named arrays, and texts about them, to ``path``: all of it or nothing.

    Raises TypeError for what the format cannot hold, OSError if the disk refuses; the file that
    stood there before is then unharmed.
    """
    safetensors = _library()
    arrays = {name: _plain(name, array) for name, array in state.items()}
    path = Path(path)
    written = _temporary_beside(path)
    mode = written.stat().st_mode
    try:
        # None, not {}: of an empty one, safetensors 0.8 makes a header that it cannot read.
        safetensors.numpy.save_file(arrays, str(written), dict(metadata) if metadata else None)
        written.chmod(mode)  # as any new file; the library's own nobody else may read
        _push_to_disk(written)
        os.replace(written, path)
    except BaseException:
        with suppress(OSError):
            written.unlink()
        raise
    _push_to_disk(path.parent)  # the new name is an entry of the folder


def load(path: str | os.PathLike[str]) -> tuple[dict[str, Array], dict[str, str]]:
    """The arrays of a file by name, and its texts. Nothing in the file is run.

    Raises FileNotFoundError, or ModelFileError, which names the file and says what to do.
    """
    safetensors = _library()
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file; save() writes one")
    _refuse_archives(path)
    try:
        with safetensors.safe_open(str(path), framework="numpy") as file:
            _refuse_foreign_types(path, file)
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except safetensors.SafetensorError as error:
        raise ModelFileError(
            f"{path}: no safetensors file, or a damaged one ({error}); copy it again from where it "
            f"came from, and compare sizes or checksums"
        ) from error


def _library() -> ModuleType:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            "model files need the safetensors package: pip install 'mlsys[models]'"
        ) from error
    return safetensors


def _plain(name: str, array: Any) -> Array:
    """The array in the order of its indices: the library writes memory as it lies."""
    plain = np.asarray(array, order="C")
    if plain.dtype.kind not in "fiub":
        raise TypeError(
            f"{name}: arrays of {plain.dtype} have no place in a safetensors file; convert to a "
            f"number type, or put text into the metadata"
        )
    return plain


def _temporary_beside(path: Path) -> Path:
    """An empty file in the same folder: only within one file system is a rename one step."""
    written = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    written.touch(exist_ok=False)
    return written


def _push_to_disk(path: Path) -> None:
    """Return when the disk, and not only its cache, has it.

    Windows pushes only what is open for writing, and opens no folders.
    """
    folder = path.is_dir()
    if folder and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY if folder else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _refuse_archives(path: Path) -> None:
    """Files of torch.save are zip archives around a pickle; old ones are a bare pickle."""
    with path.open("rb") as file:
        start = file.read(2)
    if start in (b"PK", b"\x80\x02", b"\x80\x04", b"\x80\x05"):
        raise ModelFileError(
            f"{path}: this is a pickle, as torch.save writes it; loading one can run any program, "
            f"so it is not opened here. Where you trust it, load it with torch and write "
            f"safetensors.torch.save_file(model.state_dict(), ...)"
        )


def _refuse_foreign_types(path: Path, file: Any) -> None:
    foreign = {"BF16", "F8_E4M3", "F8_E5M2"}
    for name in file.keys():  # noqa: SIM118
        kind = file.get_slice(name).get_dtype()
        if kind in foreign:
            raise ModelFileError(
                f"{path}: {name} is of type {kind}, which NumPy does not have; convert the file "
                f"where it was made, with .float() before saving"
            )
