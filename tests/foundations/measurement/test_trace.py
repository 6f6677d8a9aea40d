"""Busy time against a raster of instants, and the export against the trace event format."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.measurement.trace import Span, Trace, nested_rows, union

whole = st.integers(0, 20)
intervals = st.lists(st.tuples(whole, whole).map(sorted), min_size=1, max_size=12)


def covered(pairs):
    """Unit cells that the intervals cover: an oracle without any interval arithmetic."""
    return {cell for start, end in pairs for cell in range(start, end)}


def trace_of(*lanes):
    trace = Trace()
    for number, pairs in enumerate(lanes):
        for start, end in pairs:
            trace.add("work", f"lane {number}", start, end)
    return trace


@given(intervals)
def test_busy_time_counts_every_instant_once(pairs):
    trace = trace_of(pairs)
    assert trace.busy("lane 0") == len(covered(pairs))
    longest = max(end for _, end in pairs) - min(start for start, _ in pairs)
    assert trace.makespan == longest
    assert trace.utilisation("lane 0") == (len(covered(pairs)) / longest if longest else 0.0)


@given(intervals, intervals)
def test_overlap_is_the_time_in_which_both_are_busy(left, right):
    trace = trace_of(left, right)
    both = len(covered(left) & covered(right))
    assert trace.overlap("lane 0", "lane 1") == trace.overlap("lane 1", "lane 0") == both


@given(intervals)
def test_a_union_is_sorted_and_apart(pairs):
    found = union((start, end) for start, end in pairs)
    assert covered(found) == covered(pairs)
    assert all(a[1] < b[0] for a, b in pairwise(found))


@given(intervals)
def test_rows_nest_and_lose_no_span(pairs):
    spans = trace_of(pairs).spans
    rows = nested_rows(spans)
    assert sorted(map(id, spans)) == sorted(id(span) for row in rows for span in row)
    for row in rows:
        for a in row:
            for b in row:
                apart = a.end <= b.start or b.end <= a.start
                inside = (
                    a.start <= b.start <= b.end <= a.end or b.start <= a.start <= a.end <= b.end
                )
                assert apart or inside


def test_the_clock_of_a_block_may_be_virtual():
    now = [10.0]
    trace = Trace(clock=lambda: now[0])
    with trace.span("step", lane="worker 0", batch=3):
        with trace.span("forward", lane="worker 0"):
            now[0] += 2.0
        now[0] += 1.0
    inner, outer = trace.spans
    assert inner == Span("forward", "worker 0", 10.0, 12.0)
    assert outer == Span("step", "worker 0", 10.0, 13.0, {"batch": 3})
    assert trace.busy("worker 0") == 3.0


def test_a_block_that_fails_is_still_recorded():
    trace = Trace()
    with pytest.raises(ZeroDivisionError), trace.span("doomed"):
        1 / 0  # noqa: B018
    assert [span.name for span in trace.spans] == ["doomed"]


@given(intervals, intervals)
def test_the_export_is_chrome_trace_events(left, right):
    chrome = json.loads(json.dumps(trace_of(left, right).to_chrome()))
    assert chrome["displayTimeUnit"] in ("ms", "ns")
    names, spans = {}, []
    for event in chrome["traceEvents"]:
        assert isinstance(event["pid"], int) and isinstance(event["tid"], int)
        if event["ph"] == "M":
            assert event["name"] == "thread_name" and event["tid"] not in names
            names[event["tid"]] = event["args"]["name"]
        else:
            assert event["ph"] == "X" and event["ts"] >= 0 and event["dur"] >= 0
            assert isinstance(event["name"], str) and isinstance(event["args"], dict)
            spans.append(event)
    assert {event["tid"] for event in spans} == set(names)  # every row in use has its name
    assert len(set(names.values())) == len(names)
    shift = min(start for start, _ in left + right)
    microseconds = sorted(((s - shift) * 1e6, (e - s) * 1e6) for s, e in left + right)
    assert sorted((event["ts"], event["dur"]) for event in spans) == microseconds


def test_a_saved_trace_reads_back_numpy_arguments_and_all(tmp_path):
    trace = Trace()
    trace.add("send", "network", 0, 1, bytes=np.int64(7), shape=(2, 3), peers=np.arange(2))
    path = tmp_path / "run.json"
    trace.save(path)
    event = json.loads(path.read_text())["traceEvents"][-1]
    assert event["args"] == {"bytes": 7, "shape": [2, 3], "peers": [0, 1]}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("argument", [object(), math.nan])
def test_a_trace_that_cannot_be_written_leaves_no_file(tmp_path, argument):
    trace = Trace()
    trace.add("send", "network", 0, 1, what=argument)
    with pytest.raises(ValueError, match="args cannot be written"):
        trace.save(tmp_path / "run.json")
    assert not list(tmp_path.iterdir())


def test_a_span_ends_after_it_starts():
    with pytest.raises(ValueError, match=r"'forward' on 'worker 0' ends at 1\.0 s, before"):
        Trace().add("forward", "worker 0", 2.0, 1.0)


@pytest.mark.parametrize("time", [math.nan, math.inf])
def test_a_span_has_finite_times(time):
    with pytest.raises(ValueError, match="finite seconds"):
        Trace().add("forward", "worker 0", 0.0, time)


def test_an_unknown_lane_is_named_with_those_that_exist():
    with pytest.raises(ValueError, match=r"no lane 'gpu'; this trace has \['lane 0'\]"):
        trace_of([(0, 1)]).busy("gpu")


def test_an_empty_trace_takes_no_time():
    assert Trace().makespan == 0.0 and Trace().to_chrome()["traceEvents"] == []
