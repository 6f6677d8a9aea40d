"""The command line: what it shows, what it refuses, and its exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mlsys.distributed.cluster import __main__ as command

EXAMPLES = "mlsys.distributed.cluster.examples"


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, and what was written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["cluster", "run", *arguments])
        patch.setattr(sys, "path", list(sys.path))
        patch.setenv("COLUMNS", "200")
        with pytest.raises(SystemExit) as left:
            command.main()
    code = left.value.code or 0
    assert isinstance(code, int)
    return code, *capsys.readouterr()


def test_a_program_runs_and_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, f"{EXAMPLES}:hello", "--ranks", "3")
    assert (code, err) == (0, "")
    assert "3 ranks" in out and "1 round" in out and "'rank 0 heard rank 2'" in out


def test_arguments_and_the_network_reach_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--alpha", "0.5", "--beta", "0.25", "--ranks", "2"]
    code, out, _ = call(capsys, f"{EXAMPLES}:ping_pong", "8", "3", *options)
    assert code == 0
    assert out.count("2.5\n") + out.count("2.5 ") >= 2  # what both ranks return: 0.5 + 8 · 0.25 s


@pytest.mark.parametrize(
    ("text", "ranks"),
    [("ring", 4), ("two-level:3x2", 6), ("torus:2x5", 10), ("fat-tree:2x3x2", 6)],
)
def test_topologies_have_names(text: str, ranks: int, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, f"{EXAMPLES}:hello", "--topology", text)
    assert code == 0
    assert out.startswith(f"{ranks} ranks")


def test_a_trace_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, _ = call(capsys, f"{EXAMPLES}:hello", "--trace", str(tmp_path / "trace.json"))
    assert code == 0
    assert json.loads((tmp_path / "trace.json").read_text())["traceEvents"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["hello"], "expected MODULE:FUNCTION"),
        (["no_such_module:hello"], "found no module 'no_such_module'"),
        ([f"{EXAMPLES}:hello", "abc"], "expected JSON"),
        ([f"{EXAMPLES}:hello", "--topology", "torus:3"], "--topology: expected"),
        ([f"{EXAMPLES}:hello", "--topology", "star"], "--topology: expected"),
        ([f"{EXAMPLES}:hello", "--crash", "1"], "--crash: expected RANK@NUMBER, got 1"),
        ([f"{EXAMPLES}:hello", "--slow", "1@0"], "speed: expected numbers > 0"),
        ([f"{EXAMPLES}:hello", "--ranks", "0"], "Invalid value for '--ranks'"),
        ([f"{EXAMPLES}:hello", "--on", "cloud"], "Invalid value for '--on'"),
    ],
)
def test_a_wrong_request_is_one_line_and_exit_code_2(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = call(capsys, *arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert "Traceback" not in err


def test_a_program_that_fails_is_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, f"{EXAMPLES}:ping_pong", '"long"', "--ranks", "2")
    assert code == 1
    assert "rank 0 raised TypeError" in err
    assert "message, trips = np.zeros(nbytes, np.uint8), []" in err


def test_a_dead_rank_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, f"{EXAMPLES}:hello", "--crash", "1@0", "--ranks", "3")
    assert code == 1
    assert "rank 1 is dead" in err


@pytest.mark.multiprocess
def test_from_a_shell_on_mpi() -> None:
    line = ["-m", "mlsys.distributed.cluster", "run", f"{EXAMPLES}:hello", "--on", "mpi"]
    done = subprocess.run(
        [sys.executable, *line, "--ranks", "2"],
        capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "'rank 1 heard rank 0'" in done.stdout
