"""The command: what it prints, and that each mistake ends with one line and a code."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mlsys.foundations.training.__main__ import main
from mlsys.foundations.training.checkpoint import paths

pytest.importorskip("safetensors")
pytest.importorskip("sklearn")


class Command:
    """Runs the command in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """The code, and what was written to standard output and standard error."""
        self.monkeypatch.setattr(sys, "argv", ["training", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = self.capsys.readouterr()
        return int(end.value.code or 0), out, " ".join(err.replace("\u2502", " ").split())


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.setenv("COLUMNS", "200")
    return Command(monkeypatch, capsys)


def test_mistakes_end_with_a_line_and_a_code(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    start = ["digits-mlp", "--steps", "4", "--checkpoints", str(folder)]
    assert command(*start)[0] == 0
    for arguments, code, said in [
        (["digits-mpl"], 2, "digits-mlp"),
        (["digits-mlp", "--steps", "0"], 2, "--steps"),
        (["digits-mlp", "--resume"], 2, "need --checkpoints"),
        ([*start, "--resume", "--fresh"], 2, "choose one"),
        (start, 2, "--resume to go on, or --fresh to start anew"),
        ([*start, "--resume", "--seed", "1"], 1, "seed was 0 and is now 1"),
    ]:
        got, out, err = command(*arguments)
        assert (got, out) == (code, "")
        assert said in err
        assert "Traceback" not in err
    (path,) = paths(folder)
    path.write_bytes(b"0" * 99)
    code, _, err = command(*start, "--resume")
    assert code == 1
    assert "passed over" in err
    assert "every checkpoint in it is damaged" in err


def test_it_says_what_it_did(command: Command, tmp_path: Path) -> None:
    start = ["digits-mlp", "--steps", "4", "--checkpoints", str(tmp_path)]
    code, out, err = command(*start, "--resume")
    assert code == 0
    assert "digits-mlp: 4 steps, test accuracy " in out
    assert str(paths(tmp_path)[-1]) in out
    assert err == "nothing to resume: starts at step 0"
    assert command(*start, "--resume") == (0, out, "goes on at step 4")
    code, again, err = command(*start, "--fresh")
    assert (code, again) == (0, out)
    assert "before-1" in err
    code, bare, err = command("digits-mlp", "--steps", "4")
    assert (code, err) == (0, "")
    assert out.startswith(bare.strip())
    code, out, _ = command("--help")
    assert (code, "to the last bit" in " ".join(out.split())) == (0, True)


def test_a_stop_is_no_error_and_says_the_way_on(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def presses(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mlsys.foundations.training.__main__.bar", presses)
    code, _, err = command("digits-mlp", "--checkpoints", str(tmp_path), "--every", "50")
    assert (code, err) == (130, "stopped after step 0; the first checkpoint was due after step 50")
