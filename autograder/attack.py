"""Attack this machine's grader: each file of tests/autograder/attacks/ tries one thing.

    with Range() as place:
        outcomes = [place.try_out(attack) for attack in find_attacks()]

A range is a course with secrets in it, and a program of the grader's user that has some too and
watches what happens (attacks/target/scene.py). An attack must gain no point, bring no secret out,
leave no process and no file behind, take no longer than its limits, and change nobody else's marks:
an honest answer is graded by the same grader all the while, and once more after it.

Where the deed itself is what is forbidden, an attack that did it says so: "MARK got out: how".
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from autograder.grade import Grader
from autograder.lab import PACKAGE_ROOT, load_lab
from autograder.results import LabResult
from autograder.sample import ATTACKS, Attack
from autograder.sandbox import Sandbox
from autograder.starter import answer_files
from autograder.submission import Submission
from autograder.tiers import TIERS

GRACE = 1.0  # seconds for each child, beyond its limits, to be started and ended


@dataclass(frozen=True)
class Outcome:
    """Which bars an attack broke, and how; None where the tier does not promise to stop it.

    missed: "points", "leaks", "harm" (to others' marks, to files, to the grader), "survivors" and
    "hangs", each with what was seen.
    """

    attack: Attack
    missed: dict[str, list[str]] | None = None
    seconds: float = 0.0

    @property
    def broke(self) -> bool:
        """Whether any bar was missed."""
        return self.missed is not None and any(self.missed.values())


class Range:
    """Where attacks are tried; a context manager. tier: as in `Sandbox`."""

    def __init__(self, tier: str | None = None) -> None:
        self._mark = f"atk{secrets.token_hex(4)}"
        key, argument = (f"secret-{secrets.token_hex(8)}" for _ in range(2))
        with contextlib.ExitStack() as opened:
            root = opened.enter_context(TemporaryDirectory(prefix="range-"))
            opened.enter_context(patch.dict(os.environ, {"AUTOGRADER_KEY": key}))
            scene = [ATTACKS / "target" / "scene.py", root, PACKAGE_ROOT, self._mark, argument]
            command, pipe = [sys.executable, *map(str, scene)], subprocess.PIPE
            self._scene: Any = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
            opened.enter_context(self._scene)
            self._secrets = json.loads(self._scene.stdout.readline())
            self._lab = load_lab(f"{root}/labs/target")
            self._sandbox = opened.enter_context(Sandbox(self._lab, tier))
            self._grader = Grader(self._lab, self._sandbox, key.encode())
            self._honest = Submission("Ada", answer_files(self._lab))
            self._right = self._marks_of_others()
            self._opened = opened.pop_all()

    def __enter__(self) -> Range:
        return self

    def __exit__(self, *error: object) -> None:
        self._opened.close()

    @property
    def tier(self) -> str:
        """Of the sandbox that is attacked."""
        return self._sandbox.tier

    def try_out(self, attack: Attack, anyway: bool = False) -> Outcome:
        """Grade one attack, and honest answers beside it and after it.

        anyway: even where the tier does not promise to stop it.
        """
        if not anyway and TIERS.index(attack.says("stopped from")) < TIERS.index(self.tier):
            return Outcome(attack)
        source = attack.answer(self._lab, self._mark).encode()
        attempts = [Submission("Eve", {self._lab.file: source})] * (2 if attack.says("runs") else 1)
        allowed = len(attempts) * (len(self._right) + 1) * (self._lab.limits.total + GRACE)
        before, began, results = self._look()["traces"], time.monotonic(), list[LabResult]()
        grading = threading.Thread(target=self._grade, args=(attempts, results), daemon=True)
        grading.start()
        others = []
        while grading.is_alive() and time.monotonic() < began + allowed:
            others.append(self._marks_of_others())
            grading.join(0.2)
        seconds, after = time.monotonic() - began, self._look()
        others.append(self._marks_of_others())
        harm = set(before).symmetric_difference(after["traces"])
        harm |= {"others' marks" for marks in others if marks != self._right}
        harm |= {"the grader fell over" for _ in attempts[len(results) :]}
        harm |= {"the grader is blamed" for result in results if result.broken}
        said = json.dumps([result.to_gradescope() for result in results])
        leaks = [place for place, secret in self._secrets.items() if secret in said]
        missed = {
            "points": [str(result.score) for result in results if result.score],
            "leaks": leaks + re.findall(rf"{self._mark} got out: ([^'\"\\]+)", said),
            "harm": sorted(harm),
            "survivors": after["survivors"],
            "hangs": [f"{seconds:.0f} s"] if seconds > allowed else [],
        }
        return Outcome(attack, missed, seconds)

    def _grade(self, attempts: list[Submission], results: list[LabResult]) -> None:
        with contextlib.suppress(Exception):
            results += map(self._grader.grade, attempts)

    def _marks_of_others(self) -> list[tuple[str, float, str | None]]:
        checks = self._grader.grade(self._honest).checks
        return [(check.name, check.score, check.reason) for check in checks]

    def _look(self) -> dict[str, list[str]]:
        """What the scene's program sees, if it still does."""
        with contextlib.suppress(OSError, ValueError):
            self._scene.stdin.write(f"{self._sandbox.stage}\n")
            self._scene.stdin.flush()
            return dict(json.loads(self._scene.stdout.readline()))
        return {"traces": ["a program beside the grader is gone"], "survivors": []}
