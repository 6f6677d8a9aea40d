"""A course in miniature: two chapters, one lab of two tasks, and how to grade answers to it."""

from pathlib import Path

import pytest

from autograder.grade import PRACTICE, Grader
from autograder.lab import Lab, load_lab
from autograder.results import LabResult
from autograder.sandbox import Sandbox
from autograder.starter import answer_source
from autograder.submission import Submission

FILES = {
    "pyproject.toml": """
[project]
version = "1.2"
requires-python = ">=3.11"
dependencies = ["numpy>=2.0"]
""",
    "book/chapters.toml": """
[[chapters]]
part = "first"
chapter = "adding"
[[chapters]]
part = "first"
chapter = "summing"
[[chapters]]
part = "second"
chapter = "later"
""",
    "mlsys/__init__.py": "",
    "mlsys/first/__init__.py": "",
    "mlsys/first/adding.py": "def add(a, b):\n    return a + b\n",
    "mlsys/first/summing.py": '''
"""Sums."""

import functools

from mlsys.first.adding import add


def traced(function):
    """Return ``function``."""
    return function


@traced
def total(
    numbers: list[float],  # any length
) -> float:
    """The sum of ``numbers``.

    >>> total([1, 2])
    3
    """
    # a comment that gives it away
    return functools.reduce(add, numbers, 0)
    # another one


def after(x: int) -> int:
    """Not part of the lab."""
    return x
''',
    "mlsys/second/__init__.py": "",
    "mlsys/second/later.py": "",
    "labs/sums/lab.toml": """
title = "Sums and products"
chapter = "first/summing"
file = "sums.py"
imports = ["functools", "math", "mlsys", "os", "signal", "sys", "time"]

[limits]
wall = 1.0
memory = 512

[[tasks]]
name = "total"
title = "Sum the numbers"
rebuild = ["mlsys.first.summing:total"]

[[tasks]]
name = "product"
title = "Multiply the numbers"
extend = ["product"]
""",
    "labs/sums/solution.py": '''
"""Sums and products of numbers."""

from __future__ import annotations

import functools
import math

from mlsys.first.adding import add

EMPTY = 1


def traced(function):
    """Return ``function``, as given code does."""
    return function


# how the answer is found
_solution_table = {
    "start": EMPTY,
}


def product(numbers: list[int]) -> int:
    """The product of ``numbers``; 1 when there are none."""
    return _solution_product(numbers)
    # a trailing comment that gives it away


# more about the answer
def _solution_product(numbers):
    return math.prod(numbers, start=_solution_table["start"])


def given(x: int) -> int:
    """Given code after the extension."""
    return x
''',
    "labs/sums/checks.py": """
import math

from autograder import check, close, typed


@check(task="total", points=20, title="sums random numbers", hint="Add.", section="first/summing#a")
def sums_random_numbers(student, rng):
    numbers = rng.normal(size=5).tolist()
    close(student.call("total", numbers), sum(numbers), what="the total")


@check(task="total", points=20, title="sums nothing", hint="None?", section="first/summing#b")
def sums_nothing(student, rng):
    close(student.call("total", []), 0)


@check(task="product", points=60, title="multiplies", hint="Multiply.", section="first/summing#c")
def multiplies(student, rng):
    numbers = rng.integers(1, 9, size=4).tolist()
    got = typed(student.run("twice", numbers), int, "twice the product")
    want = 2 * math.prod(numbers)
    assert got == want, f"expected {want} for {numbers}, got {got}"
""",
    "labs/sums/probes.py": "def twice(student, n):\n    return 2 * student.product(n)\n",
    "labs/sums/handout.md": "# Sums\n\nWrite `total` and `product`.\n",
    "labs/sums/wrong/zero.py": "# loses: multiplies\n# why: forgets to start at one.\n\n\n"
    "def product(numbers):\n    return 0\n",
    "labs/sums/right/loop.py": "# keeps: all\n# how: with a loop.\n\n\n"
    "def product(numbers):\n    result = 1\n    for number in numbers:\n        result *= number\n"
    "    return result\n",
}


def write_course(root: Path) -> Path:
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip("\n"), encoding="utf-8")
    return root


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """The root of a fresh copy of the course."""
    return write_course(tmp_path / "course")


@pytest.fixture
def lab(course: Path) -> Lab:
    """Its lab."""
    return load_lab(course / "labs" / "sums")


@pytest.fixture(scope="module")
def shared_lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """The lab of a course that tests of one module share and do not change."""
    return load_lab(write_course(tmp_path_factory.mktemp("course")) / "labs" / "sums")


@pytest.fixture(scope="module")
def grade(shared_lab: Lab):
    """Grade a source, or the full answer with some definitions replaced."""
    with Sandbox(shared_lab) as sandbox:
        grader = Grader(shared_lab, sandbox, PRACTICE)

        def grade(source: str = "", replace: str | None = None) -> LabResult:
            text = source if replace is None else answer_source(shared_lab, replace)
            return grader.grade(Submission("Ada", {"sums.py": text.encode()}))

        yield grade
