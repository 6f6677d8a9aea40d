"""One entry, one line, whatever stands in it; and a log that cannot be written costs no answer."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.serving.server.access import LONGEST, JsonLines, faults_only, line

# Surrogates too: a path may have been made of bytes that are no text.
texts = st.text(st.characters(), max_size=40)
entries = st.dictionaries(
    st.sampled_from(["path", "method", "fault"]), texts | st.integers() | st.none()
)


@given(entries)
def test_an_entry_is_one_line_of_printable_ascii_and_can_be_read_back(entry):
    written = line(entry)
    assert written.endswith(b"\n")
    assert all(0x20 <= byte < 0x7F for byte in written[:-1])
    assert json.loads(written) == entry


@pytest.mark.parametrize(
    "forged", ['/\n{"path": "/v2"}', "/\x1b[2J\x1b[H", "/\r/v2", "/\x7f\x9b\u2028"]
)
def test_nobody_writes_lines_of_his_own(forged):
    file = io.BytesIO()
    log = JsonLines(file, clock=lambda: 12.3456)
    log({"path": forged})
    log({"path": "/v2"})
    first, second = file.getvalue().splitlines()
    assert json.loads(first) == {"time": 12.346, "path": forged}
    assert json.loads(second) == {"time": 12.346, "path": "/v2"}


@given(st.integers(0, 3 * LONGEST))
def test_a_long_path_is_cut_and_its_length_is_said(length):
    path = json.loads(line({"path": "x" * length}))["path"]
    assert len(path) <= LONGEST + 30
    assert (path == "x" * length) == (length <= LONGEST)
    assert length <= LONGEST or str(length) in path


def test_a_full_disk_is_counted_and_not_raised():
    with open("/dev/full", "ab", buffering=0) as full:
        log = JsonLines(full)
        log({"path": "/v2"})
        log({"path": "/v2"})
    assert log.lost == 2


def test_faults_are_said_even_if_requests_are_not():
    said = []
    quiet = faults_only(said.append)
    quiet({"path": "/v2", "status": 200})
    quiet({"fault": "KeyError: 'x'", "path": "/v2"})
    quiet({"workers": "a worker could not be started"})
    assert [next(iter(entry)) for entry in said] == ["fault", "workers"]
