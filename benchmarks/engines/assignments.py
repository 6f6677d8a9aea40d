"""One assignment for every grader: a function, two checks, and answers worth all, half and none.

The text of a check is the same for all. It calls the function by its name, draws from ``rng``,
which has ``uniform(low, high)``, and asserts. What a grader wraps around it is that grader's own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from textwrap import dedent, indent

import numpy as np

MARKS = {"right": 1.0, "half": 0.5, "wrong": 0.0}


@dataclass(frozen=True)
class Assignment:
    """``answers``: the student's file by the mark it deserves; ``checks``: two texts."""

    name: str
    function: str
    answers: dict[str, str]
    checks: tuple[str, str]
    imports: tuple[str, ...] = ()
    limits: dict[str, int] = field(default_factory=dict)  # of ours, where the usual are too low

    @property
    def points(self) -> int:
        """Of each check, so that all together are 100."""
        return 100 // len(self.checks)


@dataclass(frozen=True)
class Class:
    """``students`` hand in answers to ``assignment``, in turn a right, a half and a wrong one."""

    assignment: Assignment
    students: tuple[str, ...]

    @classmethod
    def draw(cls, rng: np.random.Generator, name: str, size: int = len(MARKS)) -> Class:
        """A class of ``size``; nothing in it is drawn at random."""
        return cls(ASSIGNMENTS[name], tuple(f"student{n:04}" for n in range(size)))

    def kind(self, student: str) -> str:
        """Right, half or wrong."""
        return list(MARKS)[self.students.index(student) % len(MARKS)]

    def answer(self, student: str) -> str:
        """What a student handed in: no two files are the same."""
        return f"{self.assignment.answers[self.kind(student)]}\n# by {student}\n"


def function_of(text: str, head: str, depth: int = 1) -> str:
    """A check's text as the body of a function with this head."""
    return f"{head}\n{indent(text, '    ' * depth)}"


SUM_OF_TWO = """\
a, b = rng.uniform({low}, {high}), rng.uniform({low}, {high})
got = add(a, b)
assert abs(got - (a + b)) < 1e-9, f"expected {{a + b}} for {{a}} and {{b}}, got {{got}}"
"""
WEIGHTS = """\
import math

x = [rng.uniform({low}, {high}) for _ in range(50)]
got = softmax(x)
parts = [math.exp(value - max(x)) for value in x]
close = [abs(one - part / sum(parts)) < 1e-9 for one, part in zip(got, parts, strict=True)]
assert all(close), f"expected the shares of {{x}}, got {{got}}"
"""

ADD = Assignment(
    name="trivial",
    function="add",
    answers={
        "right": "def add(a, b):\n    return a + b\n",
        "half": "def add(a, b):\n    return abs(a) + abs(b)\n",
        "wrong": "def add(a, b):\n    return 100.0\n",
    },
    checks=(SUM_OF_TWO.format(low=1, high=9), SUM_OF_TWO.format(low=-9, high=-1)),
)


def _softmax(name: str, imports: str, right: str, half: str, **limits: int) -> Assignment:
    head = f"import {imports}\n\n\ndef softmax(x):\n"
    bodies = {"right": dedent(right), "half": dedent(half), "wrong": "return x\n"}
    return Assignment(
        name=name,
        function="softmax",
        answers={kind: head + indent(body, "    ") for kind, body in bodies.items()},
        checks=(WEIGHTS.format(low=-3, high=3), WEIGHTS.format(low=900, high=999)),
        imports=(imports.split()[0],),
        limits=limits,
    )


NUMPY = _softmax(
    "numpy",
    "numpy as np",
    right="""\
        x = np.asarray(x)
        parts = np.exp(x - x.max())
        return parts / parts.sum()
        """,
    half="""\
        parts = np.exp(np.minimum(x, 700.0))
        return parts / parts.sum()
        """,
)
TORCH = _softmax(
    "torch",
    "torch",
    right="return torch.softmax(torch.tensor(x, dtype=torch.float64), 0).tolist()\n",
    half="""\
        parts = torch.exp(torch.tensor(x, dtype=torch.float64))
        return (parts / parts.sum()).tolist()
        """,
    wall=30,
    memory=8192,
)
ASSIGNMENTS = {one.name: one for one in (ADD, NUMPY, TORCH)}
