"""Checkpoints: what was put in comes back, damage is told, no accident loses the good one."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.nn import files, save
from mlsys.foundations.training.checkpoint import (
    Checkpoint,
    CheckpointError,
    clean,
    latest,
    paths,
    read,
    set_aside,
    write,
)

pytest.importorskip("safetensors")
KINDS = [np.float16, np.float32, np.float64, np.int64, np.uint8, np.bool_]


def checkpoint(step: int, seed: int = 0) -> Checkpoint:
    rng = np.random.default_rng(seed)
    arrays = {
        f"part.{i}": (8 * rng.standard_normal(rng.integers(0, 4, i % 4))).astype(kind)
        for i, kind in enumerate(KINDS)
    }
    return Checkpoint(step, arrays, {"rng": rng.bit_generator.state, "name": "ä", "list": [1, 2]})


@given(st.integers(0, 10**8 - 1), st.integers(0, 2**32))
def test_what_is_written_is_read(tmp_path_factory: Any, step: int, seed: int) -> None:
    folder = tmp_path_factory.mktemp("run")
    put = checkpoint(step, seed)
    got = read(write(folder, put))
    assert (got.step, got.facts) == (put.step, put.facts)
    assert got.digest() == put.digest()
    assert got.arrays.keys() == put.arrays.keys()
    for name, array in put.arrays.items():
        assert got.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(got.arrays[name], array)


def test_the_digest_sees_every_change() -> None:
    base = checkpoint(1)
    arrays = dict(base.arrays)
    others = [
        Checkpoint(2, arrays, base.facts),
        Checkpoint(1, arrays, {**base.facts, "name": "b"}),
        Checkpoint(1, {**arrays, "part.1": arrays["part.1"] + 1}, base.facts),
        Checkpoint(1, {**arrays, "part.1": arrays["part.1"].astype(np.float64)}, base.facts),
        Checkpoint(1, {**arrays, "new": np.zeros(1)}, base.facts),
        Checkpoint(1, {**arrays, "part.9": np.zeros((2, 3))}, base.facts),
        Checkpoint(1, {**arrays, "part.9": np.zeros((3, 2))}, base.facts),
    ]
    assert len({c.digest() for c in [base, *others]}) == len(others) + 1
    backwards = Checkpoint(1, dict(reversed(arrays.items())), dict(reversed(base.facts.items())))
    assert backwards.digest() == base.digest()


def test_equal_states_make_equal_files(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a", checkpoint(5)), write(tmp_path / "b", checkpoint(5))
    assert first.read_bytes() == second.read_bytes()


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    for step in (100, 200, 300, 400):
        write(tmp_path, checkpoint(step), keep=2)
    assert [path.name for path in paths(tmp_path)] == [
        "step-00000300.safetensors",
        "step-00000400.safetensors",
    ]
    write(tmp_path, checkpoint(350), keep=1)  # one that goes back keeps what is ahead of it
    assert [read(path).step for path in paths(tmp_path)] == [350, 400]


# ------------------------------------------------------------ damage


def damage(path: Path, how: str, place: float) -> None:
    content = bytearray(path.read_bytes())
    at = int(place * (len(content) - 1))
    if how == "truncate":
        content = content[:at]
    elif how == "flip":
        content[at] ^= 1 << (at % 8)
    else:
        content[at:] = bytes(len(content) - at)
    path.write_bytes(content)


@given(st.sampled_from(["truncate", "flip", "zero"]), st.floats(0, 0.999))
def test_damage_anywhere_is_found_and_the_one_before_is_taken(
    tmp_path_factory: Any, how: str, place: float
) -> None:
    folder = tmp_path_factory.mktemp("run")
    good = write(folder, checkpoint(1))
    bad = write(folder, checkpoint(2))
    before = bad.read_bytes()
    damage(bad, how, place)
    if bad.read_bytes() == before:
        return
    messages: list[str] = []
    found = latest(folder, messages.append)
    assert found is not None
    if found[0] == bad:  # a byte that means nothing: padding in the header
        assert found[1].digest() == checkpoint(2).digest()
        return
    assert found[0] == good
    assert found[1].digest() == checkpoint(1).digest()
    assert len(messages) == 1
    assert bad.name in messages[0]


def test_damaged_ones_do_not_count_among_those_to_keep(tmp_path: Path) -> None:
    write(tmp_path, checkpoint(1))
    damage(write(tmp_path, checkpoint(2)), "truncate", 0.5)
    with pytest.warns(UserWarning, match="passed over"):
        latest(tmp_path)
    write(tmp_path, checkpoint(3), keep=2)
    assert [read(path).step for path in paths(tmp_path)] == [1, 3]


def test_all_damaged_is_an_error_and_stays_one(tmp_path: Path) -> None:
    assert latest(tmp_path) is None
    assert latest(tmp_path / "not there") is None
    damage(write(tmp_path, checkpoint(1)), "flip", 0.999)
    for _ in range(2):
        with pytest.raises(CheckpointError, match="every checkpoint in it is damaged"):
            latest(tmp_path, lambda message: None)


def test_a_file_of_weights_is_no_checkpoint(tmp_path: Path) -> None:
    save(tmp_path / "step-1.safetensors", {"w": np.ones(2)})
    with pytest.raises(CheckpointError, match="no checkpoint of a run"):
        read(tmp_path / "step-1.safetensors")
    (tmp_path / "step-2.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"step-2\.safetensors"):
        read(tmp_path / "step-2.safetensors")


# ------------------------------------------------------------ accidents while writing


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("accident", [OSError(errno.ENOSPC, "disk full"), KeyboardInterrupt()])
def test_an_accident_while_writing_leaves_the_good_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, accident: BaseException
) -> None:
    write(tmp_path, checkpoint(1), keep=1)

    def fails(*_: Any) -> None:
        raise accident

    with monkeypatch.context() as patch:
        patch.setattr(files.os, call, fails)
        with pytest.raises(type(accident)):
            write(tmp_path, checkpoint(2), keep=1)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001.safetensors"]
    found = latest(tmp_path)
    assert found is not None
    assert found[1].digest() == checkpoint(1).digest()


@given(st.floats(0, 1))
def test_a_kill_at_any_byte_leaves_the_good_one(tmp_path_factory: Any, share: float) -> None:
    """What SIGKILL leaves: a part of the temporary file, and no rename."""
    folder = tmp_path_factory.mktemp("run")
    write(folder, checkpoint(1))
    content = write(folder / "elsewhere", checkpoint(2)).read_bytes()
    part = folder / ".step-00000002.safetensors.x7_k2q.part"
    part.write_bytes(content[: int(share * len(content))])
    found = latest(folder)
    assert found is not None
    assert found[1].digest() == checkpoint(1).digest()
    clean(folder)
    assert not part.exists()
    assert paths(folder) == [found[0]]


def test_the_name_appears_after_the_contents_are_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order that a power failure asks for: contents, name, and then the folder's entry."""
    calls: list[str] = []
    fsync, replace = os.fsync, os.replace

    def logged_fsync(handle: int) -> None:
        calls.append("folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "file")
        fsync(handle)

    def logged_replace(source: Any, target: Any) -> None:
        calls.append("rename")
        replace(source, target)

    monkeypatch.setattr(files.os, "fsync", logged_fsync)
    monkeypatch.setattr(files.os, "replace", logged_replace)
    write(tmp_path, checkpoint(1))
    if os.path.isdir("/proc/self/fd"):
        assert calls == ["file", "rename", "folder"]
    else:
        assert calls.index("rename") > 0


def test_setting_aside_loses_nothing(tmp_path: Path) -> None:
    assert set_aside(tmp_path) is None
    for step in (1, 2):
        write(tmp_path, checkpoint(step))
        aside = set_aside(tmp_path)
        assert aside == tmp_path / f"before-{step}"
        assert [read(path).step for path in paths(aside)] == [step]
    assert paths(tmp_path) == []
