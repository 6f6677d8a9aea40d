"""The training lab's judges, judged: its disk by what POSIX promises, its waits by a search."""

import heapq
import itertools
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.checks import Wrong, load_checks
from autograder.lab import PACKAGE_ROOT, load_lab

LAB = load_lab(PACKAGE_ROOT / "labs" / "training")
load_checks(LAB)
plans = sys.modules["_lab_training.plans"]
Disk = sys.modules["_lab_training.disk"].Disk
HANDOUT = (LAB.folder / "handout.md").read_text(encoding="utf-8")
OLD, NEW = bytes(range(1, 71)), bytes(range(101, 171))


def found(disk):
    """All that may be left after a power cut now."""
    return list(disk.power_cuts(np.random.default_rng(0)))


def disk_after(*operations, files=None):
    disk = Disk(files or {})
    for operation in operations:
        disk.do(list(operation))
    return disk


def test_what_is_synced_is_found_whatever_happens():
    disk = disk_after(("write", "a", 0, NEW), ("fsync", "a"), ("fsync_dir",))
    assert found(disk) == [{"a": NEW}]


def test_synced_bytes_without_a_name_may_be_lost_and_a_name_may_have_no_bytes():
    unnamed = disk_after(("write", "a", 0, NEW), ("fsync", "a"))
    assert {} in found(unnamed) and {"a": NEW} in found(unnamed)
    empty = disk_after(("write", "a", 0, NEW), ("fsync_dir",))
    assert {"a": b""} in found(empty) and {"a": bytes(64) + NEW[64:]} in found(empty)
    assert all("a" in files for files in found(empty))


def test_a_rename_is_atomic_and_an_unlink_may_overtake_it():
    disk = Disk({"old": OLD, "new": NEW})
    disk.do(["rename", "new", "a"])
    assert sorted(map(str, found(disk))) == sorted(
        map(str, [{"old": OLD, "new": NEW}, {"old": OLD, "a": NEW}])
    )
    disk.do(["unlink", "old"])
    assert {"new": NEW} in found(disk) and disk.files() == {"a": NEW}


def test_a_write_arrives_in_sectors_and_one_may_be_torn():
    left = found(disk_after(("write", "a", 10, NEW), files={"a": OLD + bytes(20)}))
    whole = OLD[:10] + NEW + bytes(10)
    assert {"a": OLD + bytes(20)} in left and {"a": whole} in left
    borders = [10, 32, 64, 80]
    for pick in itertools.product((0, 1), repeat=3):
        mixed = bytearray(OLD + bytes(20))
        for chosen, start, end in zip(pick, borders[:-1], borders[1:], strict=True):
            if chosen:
                mixed[start:end] = whole[start:end]
        assert {"a": bytes(mixed)} in left
    assert any(
        len({w == f for w, f in zip(whole[32:64], files["a"][32:64])}) == 2 for files in left
    )


def test_the_running_program_sees_all_of_it():
    disk = disk_after(("write", "a", 0, OLD), ("write", "a", 60, NEW), ("rename", "a", "b"))
    assert disk.files() == {"b": OLD[:60] + NEW}
    with pytest.raises(Wrong, match="there is no a"):
        disk.do(["fsync", "a"])


def test_the_table_of_the_handout_is_what_the_disk_does():
    seven, eight = OLD[:40], NEW[:40]
    disk = disk_after(
        ("write", "snapshot-7", 0, seven),
        ("fsync", "snapshot-7"),
        ("write", "snapshot-8", 0, eight),
    )
    assert len(disk.renamed) + len(disk.written) == 4
    left = found(disk)
    for files in (
        {},
        {"snapshot-7": seven, "snapshot-8": eight},
        {"snapshot-7": seven},
        {"snapshot-8": b""},
        {"snapshot-7": seven, "snapshot-8": bytes(32) + eight[32:]},
    ):
        assert files in left
    assert disk.after_power_cut(disk.renamed[1:], disk.written[:1], 10) == {
        "snapshot-8": eight[:10]
    }


def test_the_plan_of_the_handout_runs_as_the_handout_says():
    training = plans.Training(4, [[0, 2], [0, 1]], 1, 1)
    rows = HANDOUT.partition("in the file    copies    periods\n")[2].partition("```")[0]
    for row in rows.splitlines():
        action, stored, copies = row[:12].split(), row[12:27].split(), row[27:37].split()
        training.act([action[0], *map(int, action[1:])])
        assert set(range(4)) - training.left == set(map(int, stored))
        assert training.copies == set(map(int, copies))
    assert not training.left
    assert (training.waits, training.took) == (1, 4)
    assert plans.fewest_waits([[0, 2], [0, 1]], 1, 1) == 0
    assert plans.fewest_waits([[0, 2], [0, 1]], 1, 0) == 1
    assert plans.needed([[0, 2], [0, 1]], 1) == 1


def searched_waits(blocks, overwrites, speed, memory):
    """The fewest waits of all plans that the rules allow (Dijkstra's search)."""
    tickets = itertools.count()
    queue = [(0, next(tickets), 0, frozenset(range(blocks)), frozenset())]
    done = set()
    while queue:
        waits, _, step, left, copied = heapq.heappop(queue)
        if (step, left, copied) in done:
            continue
        done.add((step, left, copied))
        for count in range(min(speed, len(left)) + 1):
            for written in itertools.combinations(sorted(left), count):
                rest, held = left - set(written), copied - set(written)
                if not rest:
                    return waits
                heapq.heappush(queue, (waits + 1, next(tickets), step, rest, held))
                touched = set(overwrites[step]) if step < len(overwrites) else set()
                held |= touched & rest
                if len(held) <= memory:
                    after = min(step + 1, len(overwrites))
                    heapq.heappush(queue, (waits, next(tickets), after, rest, held))
    raise AssertionError("one can always wait")


STEPS = st.lists(st.lists(st.integers(0, 3), unique=True), max_size=3)


@given(overwrites=STEPS, speed=st.integers(1, 2), memory=st.integers(0, 4))
def test_no_plan_at_all_waits_less_than_the_closed_form(overwrites, speed, memory):
    assert searched_waits(4, overwrites, speed, memory) == plans.fewest_waits(
        overwrites, speed, memory
    )
    least = next(m for m in range(5) if searched_waits(4, overwrites, speed, m) == 0)
    assert least == plans.needed(overwrites, speed)


@pytest.mark.parametrize(
    "why, plan",
    [
        ("no word", [[]]),
        ("another word", [["left"]]),
        ("a text for a number", [["write", "0"]]),
        ("no such block", [["write", 3]]),
        ("written twice", [["write", 0], ["step"], ["write", 0]]),
        ("copied when it is in the file", [["write", 0], ["copy", 0]]),
        ("copied twice", [["copy", 0], ["copy", 0]]),
        ("no memory left", [["copy", 0], ["copy", 1]]),
        ("faster than the disk", [["write", 0], ["write", 1]]),
        ("two states", [["write", 0], ["copy", 1], ["step"], ["write", 1], ["step"]]),
    ],
)
def test_a_plan_that_breaks_a_rule_is_stopped(why, plan):
    training = plans.Training(3, [[0, 1], [2]], 1, 1)
    with pytest.raises(Wrong):
        for action in plan:
            training.act(action)
