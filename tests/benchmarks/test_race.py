"""Laws of the race: what a ratio means, and that nothing is timed, hidden or half-written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from race import Case, Disagreement, Entry, Peer, Report, Row, Track, agreement

CASE = Case("walk-1", "walk", "a walk", "step", per_call=10)
PEER = Peer("other", "The Other", "1.0")
SECONDS = st.floats(min_value=1e-4, max_value=1.0)


class Clock:
    """Time that passes only when work is done; ``slowdown`` is what the machine is busy with."""

    def __init__(self, slowdowns: list[float] | None = None) -> None:
        self.now = 0.0
        self.reads = 0
        self.slowdowns = slowdowns or [1.0]

    def __call__(self) -> float:
        self.reads += 1
        return self.now

    def entry(self, seconds: float, result: float = 1.0) -> Entry:
        def work() -> None:
            self.now += seconds * self.slowdowns[0]

        return Entry(work, lambda: {"loss": np.array(result)})


def track(clock: Clock, rounds: int = 5) -> Track:
    return Track(np.random.default_rng(0), rounds, window=1e-2, clock=clock)


@given(ours=SECONDS, theirs=SECONDS, slowdown=st.floats(min_value=0.1, max_value=10))
def test_the_ratio_is_the_peers_time_over_ours_however_slow_the_machine(ours, theirs, slowdown):
    clock = Clock([slowdown])
    row = track(clock).race(CASE, PEER, clock.entry(ours), clock.entry(theirs), None)
    for ratio in (row.ratio, row.ratio_low, row.ratio_high):
        assert ratio == pytest.approx(theirs / ours, rel=1e-6)
    assert row.ours_seconds == pytest.approx(ours * slowdown / 10, rel=1e-6)
    assert row.peer_seconds == pytest.approx(theirs * slowdown / 10, rel=1e-6)


@given(ours=SECONDS, theirs=SECONDS, target=st.floats(min_value=0.01, max_value=100))
def test_a_target_holds_when_the_ratio_reaches_it(ours, theirs, target):
    clock = Clock()
    row = track(clock).race(CASE, PEER, clock.entry(ours), clock.entry(theirs), target)
    assert row.holds is (row.ratio >= target)


def test_a_row_without_a_target_neither_holds_nor_fails():
    clock = Clock()
    row = track(clock).race(CASE, PEER, clock.entry(0.1), clock.entry(0.2), None)
    assert row.holds is None


@given(ours=SECONDS, factor=st.floats(min_value=0.01, max_value=1e4))
def test_a_slow_peer_is_not_called_for_longer_than_ten_windows_need(ours, factor):
    clock = Clock()
    theirs = ours * factor
    calls = track(clock).calls(clock.entry(ours).work, clock.entry(theirs).work)
    assert calls == 1 or (calls / 2 * ours < 1e-2 and calls / 2 * theirs < 1e-1)


def test_contestants_that_disagree_are_not_timed():
    clock = Clock()
    with pytest.raises(Disagreement, match="loss"):
        track(clock).race(CASE, PEER, clock.entry(0.1, 1.0), clock.entry(0.1, 1.1), None)
    assert clock.reads == 0 and clock.now == 0


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8), st.floats(1e-6, 1e-2))
def test_agreement_forgives_rounding_and_nothing_more(numbers, tolerance):
    theirs = np.array([*numbers, 1.0])
    allowed = tolerance * np.abs(theirs).max()
    near, far = theirs.copy(), theirs.copy()
    near[-1] += 0.9 * allowed
    far[-1] += 1.1 * allowed
    assert "equal within" in agreement({"y": near}, {"y": theirs}, tolerance)
    with pytest.raises(Disagreement, match="y"):
        agreement({"y": far}, {"y": theirs}, tolerance)


@pytest.mark.parametrize(
    ("ours", "theirs", "reason"),
    [
        ({"y": np.array([np.nan])}, {"y": np.array([1.0])}, "y"),
        ({"y": np.array([1.0])}, {"y": np.array([np.nan])}, "y"),
        ({"y": np.ones(3)}, {"y": np.ones((3, 1))}, r"\(3,\).*\(3, 1\)"),
        ({"y": np.ones(3)}, {}, "reports no result"),
    ],
)
def test_agreement_accepts_no_nan_no_other_shape_and_no_silence(ours, theirs, reason):
    with pytest.raises(Disagreement, match=reason):
        agreement(ours, theirs, 1e-3)


def a_report(rows: list[Row]) -> Report:
    absent = Peer("gone", "The Absent", note="pip install gone")
    report = Report("walking", "walk", {"cores": 2}, [PEER, absent], rows, [])
    report.skip(CASE, absent)
    return report


def test_absent_peers_are_named_with_what_to_do():
    document = json.loads(a_report([]).as_json())
    assert [(peer["peer"], peer["present"]) for peer in document["peers"]] == [
        ("other", True),
        ("gone", False),
    ]
    assert document["skipped"] == [
        {"case": "walk-1", "peer": "gone", "why": "peer absent: pip install gone"}
    ]


def test_rows_are_written_in_the_order_in_which_they_were_raced():
    clock = Clock()
    rows = [
        track(clock).race(CASE, PEER, clock.entry(0.1), clock.entry(seconds), 1.0)
        for seconds in (0.3, 0.05, 0.2)
    ]
    document = json.loads(a_report(rows).as_json())
    assert [row["ratio"] for row in document["rows"]] == pytest.approx([3, 0.5, 2])
    assert [row["holds"] for row in document["rows"]] == [True, False, True]


def test_a_result_file_is_replaced_whole_or_not_at_all(tmp_path: Path):
    path = tmp_path / "results" / "walking.json"
    a_report([]).write(path)
    first = path.read_text()
    broken = a_report([])
    broken.machine["load"] = float("nan")
    with pytest.raises(ValueError):
        broken.write(path)
    assert path.read_text() == first
    assert [file.name for file in path.parent.iterdir()] == ["walking.json"]
