"""``autograder grade`` as a process: killed, interrupted, without room; and then run again."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autograder.starter import answer_source
from autograder.store import STORE, Store

pytestmark = [
    pytest.mark.multiprocess,
    pytest.mark.skipif(os.name != "posix", reason="sends signals"),
]


@pytest.fixture
def handed_in(course, lab, tmp_path):
    about = course / "labs/sums/lab.toml"  # no time-out on a machine that is busy otherwise
    about.write_text(about.read_text().replace("wall = 1.0", "wall = 40.0"))
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(12):
        text = f"# {number}\n{answer_source(lab)}"
        if number % 4 == 1:
            text += "\nimport time\ntime.sleep(0.3)\n"
        (folder / f"s{number}.py").write_text(text, encoding="utf-8")
        os.utime(folder / f"s{number}.py", (1e9, 1e9))
    (folder / "raises.py").write_text("1 / 0\n", encoding="utf-8")
    return folder


@pytest.fixture
def start(course, handed_in, tmp_path):
    """Start grading into a folder; whatever still runs at the end of the test is killed."""
    running = []

    def start(out, *more):
        command = [sys.executable, "-m", "autograder", "grade", handed_in, "--lab", "sums"]
        environment = {**os.environ, "AUTOGRADER_KEY": "secret", "TMPDIR": str(tmp_path)}
        process = subprocess.Popen(
            [*map(str, command), "--out", str(out), *more],
            cwd=course,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def ended(process):
    """(exit code, all that it said)"""
    said = process.communicate(timeout=50)[0]
    return process.returncode, said


def kept(out: Path) -> dict[str, str]:
    """What the store holds, down to the seconds that grading took."""
    if not (out / STORE).exists():
        return {}
    with Store(out / STORE) as store:
        return {one.source: str(one) for one in store.graded()}


def wait_for(out: Path, number: int) -> None:
    deadline = time.monotonic() + 40
    while len(kept(out)) < number:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_killed_grader_goes_on_where_it_was(start, tmp_path):
    assert ended(start(tmp_path / "undisturbed"))[0] == 0
    out, rng, before = tmp_path / "out", random.Random(1), dict[str, str]()
    for number in (1, 4, 8):
        process = start(out)
        wait_for(out, number)
        time.sleep(rng.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.wait()
        now = kept(out)
        assert before.items() <= now.items(), "what was kept was graded again"
        before = now
    code, said = ended(start(out, "--workers", "1"))
    assert code == 0 and "13/13" in said
    assert before.items() <= kept(out).items() and len(kept(out)) == 13
    books = [(tmp_path / name / "gradebook.csv").read_bytes() for name in ("undisturbed", "out")]
    assert books[0] == books[1]


def test_an_interrupted_grader_ends_soon_and_says_how_to_go_on(start, handed_in, tmp_path):
    (handed_in / "s1.py").write_text("import time\ntime.sleep(30)\n")
    process = start(tmp_path / "out", "--workers", "3")
    wait_for(tmp_path / "out", 5)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    code, said = ended(process)
    assert time.monotonic() - began < 10  # not the 30 s and more that is left to do
    assert code == 130 and "the same command goes on" in said and "Traceback" not in said
    assert len(kept(tmp_path / "out")) >= 5
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("lab-")]


def test_a_place_that_cannot_be_written_is_said_in_one_line(start, tmp_path):
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", Path("/proc/nowhere")):
        code, said = ended(start(out))
        assert code == 2 and "error: " in said and "Traceback" not in said
    assert (tmp_path / "file").read_text() == "mine"
