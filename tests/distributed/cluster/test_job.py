"""A command that runs for us: every line comes, time is up when it is up, nothing stays behind."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.cluster import job
from mlsys.distributed.cluster.job import Ended, Lines, follow

Said = list[tuple[str, bool]]


def python(code: str, limit: float, said: Said) -> Ended:
    command = [sys.executable, "-c", code]
    return follow(command, dict(os.environ), limit, lambda *line: said.append(line))


@given(
    st.lists(st.binary(max_size=9).map(lambda line: line.replace(b"\n", b"")), max_size=9),
    st.integers(1, 5),
)
def test_lines_come_whole_however_a_pipe_cuts_them(lines: list[bytes], cut: int) -> None:
    got: list[str] = []
    reader = Lines(lambda line, _: got.append(line), False)
    data = b"".join(line + b"\n" for line in lines) + b"last"
    for start in range(0, len(data), cut):
        assert feed(reader, data[start : start + cut])
    assert not feed(reader, b"")
    assert got == [line.decode(errors="replace") for line in [*lines, b"last"]]


def feed(reader: Lines, data: bytes) -> bool:
    out, into = os.pipe()
    os.write(into, data)
    os.close(into)
    try:
        return reader.read(out)
    finally:
        os.close(out)


@pytest.mark.multiprocess
def test_what_it_writes_is_told_apart_and_its_exit_code_comes() -> None:
    said: Said = []
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    assert python(code, 30, said) == Ended(3, late=False)
    assert sorted(said) == [("err", True), ("out", False)]


@pytest.mark.multiprocess
def test_one_that_will_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "GRACE", 0.1)
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1); time.sleep(60)"
    assert python(code, 0.5, []) == Ended(-signal.SIGKILL, late=True)


@pytest.mark.multiprocess
def test_one_that_closes_its_pipes_and_goes_on_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "GRACE", 0.1)
    code = "import os, signal, time; os.close(1); os.close(2); time.sleep(60)"
    assert python(code, 30, []) == Ended(-signal.SIGTERM, late=False)


@pytest.mark.multiprocess
def test_an_interrupt_here_ends_it_there(tmp_path: Path) -> None:
    def interrupt(line: str, of_errors: bool) -> None:
        (tmp_path / "pid").write_text(line)
        raise KeyboardInterrupt

    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    with pytest.raises(KeyboardInterrupt):
        follow([sys.executable, "-c", code], dict(os.environ), 30, interrupt)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
