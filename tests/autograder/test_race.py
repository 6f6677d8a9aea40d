"""Costs read from outside, and marks for speed: what a program does to look cheap does not help."""

import dataclasses
import math

import numpy as np
import pytest

from autograder.checks import Score, Wrong
from autograder.lab import LabError
from autograder.race import _score, race
from autograder.sandbox import Sandbox
from autograder.student import Student

pytestmark = pytest.mark.multiprocess

YARDSTICK = """
def busy(rounds):
    total = 0
    for number in range(rounds):
        total += number * number % 7
    return total
"""
# The same work for half of the rounds, by what the other half repeats: numbers come back after 7.
FASTER = """
def busy(rounds):
    if rounds < 14:
        return sum(n * n % 7 for n in range(rounds))
    whole, rest = divmod(rounds, 14)
    half = 0
    for number in range(whole * 7):
        half += number * number % 7
    return 2 * half + sum(n * n % 7 for n in range(rest))
"""
HOLDS = """
import time

def hold(size):
    block = bytearray(size)
    del block
    return size

def burn(seconds):
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass

def hide(size):
    import mmap

    block = mmap.mmap(-1, size)
    for start in range(0, size, 1 << 20):
        block[start : start + (1 << 20)] = bytes(1 << 20)
        block.madvise(mmap.MADV_DONTNEED, start, 1 << 20)  # out of sight, not out of memory
    return size

def nap(seconds):
    time.sleep(seconds)

def liar(seconds):
    until, clock = time.process_time() + seconds, time.process_time
    time.process_time = time.perf_counter = time.monotonic = lambda: 0.0
    while clock() < until:
        pass
"""


@pytest.fixture
def hand_in(course, lab):
    """A student with the given source, in a lab with a yardstick and no other processes."""
    (lab.folder / "yardstick.py").write_text(YARDSTICK, encoding="utf-8")
    limits = dataclasses.replace(lab.limits, processes=1, disk=1, wall=10.0, total=60.0)
    students = []
    with Sandbox(dataclasses.replace(lab, limits=limits)) as sandbox:

        def hand_in(source: str) -> Student:
            students.append(Student({lab.file: source.encode()}, sandbox))
            return students[-1]

        yield hand_in
        for student in students:
            student.close()


def run(student, rng_seed=0, **bounds):
    def same(got, want):
        if got != want:
            raise Wrong(f"expected {want}, got {got}")

    def draw(rng):
        return (int(rng.integers(20_000, 21_000)) * 14,)

    rng = np.random.default_rng(rng_seed)
    return race(student, "busy", draw, same, rng, **{"samples": 5, **bounds})


def test_memory_is_counted_at_its_peak_though_it_is_given_back(hand_in):
    student = hand_in(HOLDS)
    student.call("hold", 1)
    for size in (8 << 20, 64 << 20, 16 << 20):
        cost = student.cost("hold", size)
        assert cost.value == size
        assert abs(cost.peak - size) < 4 << 20  # the kernel adds pages up in batches


def test_memory_that_the_process_is_not_charged_with_is_its_groups(hand_in):
    student = hand_in(HOLDS)
    if student._sandbox.tier != "T3":
        pytest.skip("needs a control group")
    student.call("hide", 1 << 20)
    assert abs(student.cost("hide", 32 << 20).peak - (32 << 20)) < 4 << 20


def test_processor_time_is_counted_and_sleep_is_not(hand_in):
    student = hand_in(HOLDS)
    student.call("nap", 0.0)
    assert 0.2 <= student.cost("burn", 0.2).cpu < 0.3
    assert student.cost("nap", 0.2).cpu < 0.1


def test_a_program_that_stops_its_own_clocks_is_timed_all_the_same(hand_in):
    student = hand_in(HOLDS)
    assert 0.2 <= student.cost("liar", 0.2).cpu < 0.3


def test_cost_is_refused_where_another_process_could_bear_it(lab):
    with Sandbox(lab) as sandbox, pytest.raises(LabError, match="processes = 1, disk = 1"):
        Student({lab.file: HOLDS.encode()}, sandbox).cost("nap", 0.0)


def test_a_single_process_is_what_it_says(hand_in):
    source = "import os, threading\n\ndef fork():\n    os.fork()\n\ndef thread():\n"
    source += "    threading.Thread(target=print).start()\n"
    student = hand_in(source)
    if student._sandbox.tier == "T0":
        pytest.skip("on T0 nothing counts a user's processes")
    assert student.call_raises("fork")[0] == "BlockingIOError"
    assert student.call_raises("thread")[0] in ("RuntimeError", "error")


def test_the_yardstick_is_as_fast_as_itself_and_half_the_work_twice_as_fast(hand_in):
    even = run(hand_in(YARDSTICK), floor=0.5, target=2.0)
    assert even.fraction == pytest.approx(0.5, abs=0.2)
    faster = run(hand_in(FASTER), floor=1.0, target=4.0)
    assert faster.fraction == pytest.approx(0.5, abs=0.2)
    assert "as fast as the plain answer" in faster.message


def test_a_wrong_reply_earns_nothing_however_fast(hand_in):
    with pytest.raises(Wrong, match="expected"):
        run(hand_in("def busy(rounds):\n    return 0\n"), floor=0.5, target=2.0)


def test_one_memoised_reply_does_not_serve_the_next_input(hand_in):
    cached = YARDSTICK + "\nfirst = []\nslow = busy\n\ndef busy(rounds):\n"
    cached += "    first or first.append(slow(rounds))\n    return first[0]\n"
    with pytest.raises(Wrong):
        run(hand_in(cached), floor=0.5, target=2.0)


@pytest.mark.parametrize("ratio, fraction", [(0.1, 0), (0.5, 0), (1, 0.5), (2, 1), (9, 1)])
def test_points_rise_with_the_logarithm_between_floor_and_target(ratio, fraction):
    score = _score(ratio, 0.0, 0.5, 2.0, math.inf)
    assert score.fraction == pytest.approx(fraction)
    assert (score.message == "") is (fraction == 1)


def test_what_no_answer_can_be_earns_nothing():
    assert _score(1000.0, 0.0, 0.5, 2.0, most=50.0) == Score(
        0.0,
        "1000.00 times as fast as the plain answer: more than any answer can be, "
        "so it did not do the work",
    )


def test_a_restless_machine_is_told_and_lowers_nothing():
    calm, restless = (_score(1.5, noise, 0.5, 2.0, math.inf) for noise in (0.01, 0.3))
    assert calm.fraction == restless.fraction and "restless" in restless.message
