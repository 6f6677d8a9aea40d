"""A grader as many are: checks and submission in one process, the verdict on the last line.

    python undefended.py LAB FILE

Attacks that a process of their own stops are worth points here, which shows that they are real.
"""

import importlib
import json
import sys
import types
from pathlib import Path

import numpy as np

import autograder
from autograder import checks
from autograder.lab import load_lab


class Student:
    """Calls the submission's functions where it stands."""

    def __init__(self, module, probes):
        self.module, self.probes = module, probes

    def call(self, name, *arguments):
        return getattr(self.module, name)(*arguments)

    def run(self, name, *arguments):
        return getattr(self.probes, name)(self.module, *arguments)


def close(got, want):
    assert np.allclose(got, want)


def loaded(name, path):
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(Path(path).read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
    return module


def score(lab, file):
    student, points = Student(loaded("submission", file), loaded("probes", lab / "probes.py")), 0
    for check in checks.load_checks(load_lab(lab)):
        try:
            check.body(student, np.random.default_rng(0))
            points += check.points
        except Exception:
            continue
    return points


if __name__ == "__main__":
    autograder.typed, autograder.close = lambda value, kind, what="": value, close
    importlib.import_module("mlsys.foundations.measurement.timing")
    points = score(Path(sys.argv[1]).resolve(), sys.argv[2])
    print(json.dumps({"score": points}))
