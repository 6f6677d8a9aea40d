"""The command says what it can do, without loading a server to say it."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.multiprocess


OPTIONS = [
    "model", "host", "port", "workers", "policy", "cache", "body", "token", "quiet", "control",
    "warm-up", "log",
]  # fmt: skip


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mlsys.serving.server", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=50)


def test_help_names_every_option() -> None:
    done = run("--help")
    assert done.returncode == 0
    for option in OPTIONS:
        assert f"--{option}" in done.stdout


def test_a_missing_extra_is_named() -> None:
    code = "import sys; sys.modules['uvicorn'] = None; sys.argv[1:] = ['--model', 'm:f']; "
    code += "from mlsys.serving.server.__main__ import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50)
    assert done.returncode == 1 and "mlsys[serving]" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_model_there_is_nothing_to_serve() -> None:
    done = run()
    assert done.returncode == 2 and "--model" in done.stderr
