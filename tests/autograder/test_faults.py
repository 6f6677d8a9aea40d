"""Whatever a file does, it loses what it touches and is told why; nothing else suffers."""

import dataclasses
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from autograder.tiers import TIERS, lacking

pytestmark = pytest.mark.multiprocess

# Each replaces ``product``, which one of the three checks calls; the others must keep their marks.
IN_A_FUNCTION = {
    "endless loop": ("timeout", "while True: pass"),
    "sleeps": ("timeout", "import time; time.sleep(60)"),
    "ignores signals": (
        "timeout",
        "import signal\n"
        "for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM, signal.SIGXCPU):\n"
        "    signal.signal(number, signal.SIG_IGN)\n"
        "while True: pass",
    ),
    "sys.exit": ("exited", "import sys; sys.exit(0)"),
    "raise SystemExit": ("exited", "raise SystemExit"),
    "os._exit": ("exited", "import os; os._exit(0)"),
    "abort": ("exited", "import os; os.abort()"),
    # In namespaces of its own it is the first process, to which its own signals do nothing.
    "kills itself": ("exited or error", "import os; os.kill(os.getpid(), 9)"),
    "raises": ("error", "return 1 / 0"),
    "raises what cannot be printed": (
        "error",
        "class Odd(Exception):\n    def __str__(self): raise ValueError\nraise Odd",
    ),
    "keyboard interrupt": ("error", "raise KeyboardInterrupt"),
    "recursion": ("error", "return product(numbers)"),
    "memory": ("memory", "return len(bytearray(2 << 30))"),
    "giant output": ("output_limit", "while True: print('x' * 10_000)"),
    "giant reply": ("not_plain", "return Twice(bytes(80 << 20))"),
    "endless iterator": ("error", "return iter(int, 1)"),
    "deep nesting": ("not_plain", "x = []\nfor _ in range(10**5): x = [x]\nreturn Twice(x)"),
    "an object": ("not_plain", "return Twice(object())"),
    "a function": ("not_plain", "return Twice(print)"),
    "a set": ("not_plain", "return Twice({1, 2})"),
    "a text": ("wrong", "return 'text'"),
    "nothing": ("error", "return None"),
    "a float": ("wrong", "return float(math.prod(numbers))"),
    "a bool": ("wrong", "return Twice(True)"),
    "nan": ("wrong", "return float('nan')"),
    "writes to all descriptors": (
        "not_plain",
        "import os\n"
        "for number in range(3, 64):\n"
        "    try: os.write(number, b'\\xff' * 64)\n"
        "    except OSError: pass\n"
        "return 1",
    ),
    "closes all descriptors": ("exited", "import os; os.closerange(0, 64)\nwhile True: pass"),
    "forges a huge frame": (
        "not_plain",
        "import os\nfor number in range(3, 64):\n"
        "    try: os.write(number, b'\\x7f\\xff\\xff\\xff')\n    except OSError: pass",
    ),
    "always equal": (
        "wrong",
        "class Liar(int):\n"
        "    __eq__ = __le__ = lambda *_: True\n"
        "    __rmul__ = __mul__ = lambda self, other: self\n"
        "    __hash__ = int.__hash__\n"
        "return Liar(-7)",
    ),
}
TWICE = """
class _Twice:
    def __init__(self, value):
        self.value = value

    def __rmul__(self, two):
        return self.value
"""


def body(lines: str) -> str:
    text = textwrap.indent(lines, "    ").replace("Twice(", "_Twice(")
    return f"{TWICE}\n\ndef product(numbers):\n{text}\n"


@pytest.mark.parametrize("fault", IN_A_FUNCTION)
def test_a_fault_in_one_function_costs_that_check_alone(grade, fault):
    reason, lines = IN_A_FUNCTION[fault]
    result = grade(replace=body(lines))
    first, second, third = result.checks
    assert (first.reason, second.reason) == (None, None)
    assert third.reason in reason.split(" or ") and third.score == 0, third.message
    assert third.message and result.score == 40 and result.seconds < 8


AT_IMPORT = {
    "empty": (None, ""),
    "syntax error": ("syntax", "def product(:"),
    "not text": ("syntax", "\x00"),
    "brackets": ("syntax", "(" * 10_000),
    "forbidden import": ("error", "import socket"),
    "forbidden import inside": ("error", "def f():\n    from subprocess import run"),
    "dunder import": ("error", "__import__('socket')"),
    "relative import": ("error", "from . import checks"),
    "this chapter": ("error", "from mlsys.first.summing import total"),
    "this chapter, by its package": ("error", "from mlsys.first import summing"),
    "a later chapter": ("error", "import mlsys.second.later"),
    "raises": ("error", "raise ValueError('boom')"),
    "exits": ("exited", "import os\nos._exit(0)"),
    "sys.exit": ("exited", "import sys\nsys.exit(0)"),
    "endless loop": ("timeout", "while True: pass"),
    "giant output": ("output_limit", "while True: print('x' * 10_000)"),
    "memory": ("memory", "x = bytearray(2 << 30)"),
}


@pytest.mark.parametrize("fault", AT_IMPORT)
def test_a_file_that_cannot_be_loaded_is_told_so_once(grade, fault):
    reason, source = AT_IMPORT[fault]
    result = grade(source)
    assert result.score == 0 and result.seconds < 4
    assert {check.reason for check in result.checks} == {reason or "missing"}
    if reason:
        assert result.problem and result.checks[0].message == result.problem


def test_an_import_that_is_not_allowed_is_named_with_its_line(grade):
    problem = grade("import math\n\nimport socket\n").problem
    assert "line 3" in problem and "'socket'" in problem and "math" in problem


def test_a_syntax_error_is_named_with_its_line(grade):
    assert "line 2" in grade("x = 1\ndef product(:\n").problem


def test_an_exception_is_told_with_the_line_of_the_students_file(grade):
    result = grade("import math\n\n\ndef product(numbers):\n    return math.sqrt(-1)\n")
    assert "ValueError" in result.checks[-1].message
    assert "line 5, in product" in result.checks[-1].message


def test_what_escapes_the_process_group_cannot_hold_the_grader_up(grade):
    escape = (
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    time.sleep(5)\n"
        "    os._exit(0)\n"
        "os._exit(0)"
    )
    began = time.monotonic()
    assert grade(replace=body(escape)).checks[-1].reason in ("exited", "timeout")
    assert time.monotonic() - began < 4


def test_a_hundred_slow_answers_share_one_budget(shared_lab):
    from autograder.sandbox import Sandbox
    from autograder.student import Student, StudentError

    source = b"import time\n\ndef nap():\n    time.sleep(0.8)\n"
    limits = dataclasses.replace(shared_lab.limits, total=1.5)
    lab = dataclasses.replace(shared_lab, limits=limits)
    with Sandbox(lab) as sandbox:
        student = Student({"sums.py": source}, sandbox)
        with pytest.raises(StudentError, match=r"together took more than 1.5 s") as caught:
            for _ in range(100):
                student.call("nap")
        assert caught.value.reason == "timeout"


def skip_without(tier: str) -> None:
    if why := lacking(tier):
        pytest.skip(f"{tier}: {why}")


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel for a parent-death signal")
@pytest.mark.parametrize("tier", ["spawned", *TIERS])
def test_children_die_with_a_grader_that_is_killed(shared_lab, tier, tmp_path):
    script = f"""
import dataclasses
from autograder import forks
from autograder.grade import Grader
from autograder.lab import load_lab
from autograder.sandbox import Sandbox
from autograder.submission import Submission
forks.AVAILABLE = {tier != "spawned"}
lab = load_lab({str(shared_lab.folder)!r})
limits = dataclasses.replace(lab.limits, wall=50.0, total=50.0)
lab = dataclasses.replace(lab, limits=limits)
with Sandbox(lab, {"T0" if tier == "spawned" else tier!r}) as sandbox:
    Grader(lab, sandbox, b"key").grade(Submission("Ada", {{"sums.py": b"while True: pass"}}))
"""
    if tier in TIERS:
        skip_without(tier)
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    grader = subprocess.Popen([sys.executable, "-c", script], env=environment)
    deadline = time.monotonic() + 30
    while not any(processor_ticks(child) > 20 for child in descendants(grader.pid)):
        assert time.monotonic() < deadline and grader.poll() is None
        time.sleep(0.02)
    children = descendants(grader.pid)
    grader.kill()
    grader.wait()
    while any(map(alive, children)):
        assert time.monotonic() < deadline, "a child outlived its grader"
        time.sleep(0.02)


def descendants(pid: int) -> list[int]:
    """All processes below ``pid``, in whatever namespace they think they are."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [one for child in map(int, text.split()) for one in (child, *descendants(child))]


def processor_ticks(pid: int) -> int:
    """Hundredths of a second of processor time."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11])
    except OSError:
        return 0


def alive(pid: int) -> bool:
    """False for a process that is gone, or dead and waiting for its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not hasattr(os, "getppid"), reason="no parent to end")
def test_programs_that_end_their_parent_end_neither_the_grader_nor_the_next_answer(grade):
    for _ in range(2):  # the second time, children must not have become the grader's own
        result = grade(replace=body("import os; os.kill(os.getppid(), 9)\nwhile True: pass"))
        assert result.checks[2].score == 0
        assert grade(replace="").score == result.points


def test_no_child_and_no_folder_is_left_behind(shared_lab, tmp_path, monkeypatch):
    import tempfile

    from autograder.grade import grade_source
    from autograder.starter import answer_source

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = children()
    for lines in ("while True: pass", "import os; os._exit(1)", "return 1"):
        grade_source(shared_lab, answer_source(shared_lab, body(lines)))
    assert children() == before and not list(tmp_path.iterdir())


def children() -> set[str]:
    listing = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    return set(listing.read_text().split()) if listing.exists() else set()
