"""Groups are made, counted and removed, and what a killed grader left does not stand in the way."""

import os
import subprocess
import sys

import pytest

from autograder import cgroup

pytestmark = [
    pytest.mark.multiprocess,
    pytest.mark.skipif(sys.platform != "linux", reason="control groups are Linux's"),
]


@pytest.fixture
def trees():
    if why := cgroup.lacking():
        pytest.skip(why)
    return set(cgroup._trees()[1].values())


def groups(trees):
    return {path for tree in trees for path in tree.glob(f"{cgroup.NAME}*")}


def test_a_group_is_there_until_it_is_removed(trees):
    before = groups(trees)
    group = cgroup.Group(2**28, 8)
    assert len(groups(trees) - before) == len(trees)
    group.remove()
    assert not group._memory.exists()


def test_a_process_that_goes_in_by_itself_is_counted_with_its_children(trees):
    group = cgroup.Group(2**29, 8)
    doors = group.doors()
    enter = f"import os; [os.write(door, b'0') for door in {doors}]\n"
    held = "block = bytearray(64 << 20); import subprocess; subprocess.run(['true']); print('held')"
    process = subprocess.Popen(
        [sys.executable, "-c", enter + held + "\ninput()"],
        pass_fds=doors,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout.readline() == b"held\n"
        group.take(process.pid)  # finds it there
        assert 64 << 20 < int((group._memory / group._usage).read_text()) < 128 << 20
        assert not group.out_of_memory()
    finally:
        process.kill()
        process.communicate()
        for door in doors:
            os.close(door)
        group.remove()
    assert not group._memory.exists()


def test_what_a_killed_grader_left_is_swept_and_nothing_else(trees, monkeypatch):
    dead = subprocess.Popen(["true"])
    dead.wait()
    tree = next(iter(trees))
    left = [tree / f"{cgroup.NAME}{number}-0000-1" for number in (dead.pid, os.getpid())]
    other = tree / f"other-{dead.pid}-0000-1"
    for folder in (*left, other):
        folder.mkdir()
    try:
        cgroup._sweep(tree)
        assert all(folder.exists() for folder in left)  # it may have been made this moment
        monkeypatch.setattr(cgroup, "STALE", -1.0)
        cgroup._sweep(tree)
        assert [folder.exists() for folder in (*left, other)] == [False, True, True]
    finally:
        for folder in (*left, other):
            if folder.exists():
                folder.rmdir()


def test_two_graders_of_one_number_do_not_meet(trees, monkeypatch):
    first = cgroup.Group(2**28, 8)
    monkeypatch.setattr(cgroup, "_OURS", "another1")
    monkeypatch.setattr(cgroup, "_numbers", iter([int(first._memory.name.rpartition("-")[2])]))
    second = cgroup.Group(2**28, 8)
    assert first._memory != second._memory and first._memory.exists()
    second.remove()
    first.remove()
