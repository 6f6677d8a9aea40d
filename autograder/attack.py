"""Attack this machine's grader: each file of tests/autograder/attacks/ tries one thing.

    with open_range() as place:
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
from collections.abc import Iterator
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

from autograder.grade import Grader
from autograder.lab import PACKAGE_ROOT, load_lab
from autograder.results import LabResult
from autograder.sample import ATTACKS, Attack
from autograder.sandbox import Sandbox
from autograder.starter import answer_files
from autograder.submission import Submission
from autograder.tiers import TIERS


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


@contextlib.contextmanager
def open_range(tier: str | None = None) -> Iterator[Range]:
    """A range with everything in it. tier: as in `Sandbox`."""
    with contextlib.ExitStack() as opened:
        yield Range(opened, tier)


class Range:
    """Where attacks are tried; `open_range` makes it."""

    def __init__(self, opened: contextlib.ExitStack, tier: str | None) -> None:
        self.mark = f"atk{secrets.token_hex(4)}"
        key, argument = (f"secret-{secrets.token_hex(8)}" for _ in range(2))
        root = opened.enter_context(TemporaryDirectory(prefix="range-"))
        scene = [ATTACKS / "target" / "scene.py", root, PACKAGE_ROOT, self.mark, argument]
        command, pipe = [sys.executable, *map(str, scene)], subprocess.PIPE
        environment = {**os.environ, "AUTOGRADER_KEY": key}
        started = subprocess.Popen(command, 0, stdin=pipe, stdout=pipe, env=environment)
        self._scene = opened.enter_context(started)
        self._secrets = self._look(root)["secrets"]
        self.sandbox = opened.enter_context(Sandbox(load_lab(f"{root}/labs/target"), tier))
        self._grader = Grader(self.sandbox.lab, self.sandbox, key.encode())
        self._honest = Submission("Ada", answer_files(self.sandbox.lab))
        self._right = self._marks_of_others()

    def try_out(self, attack: Attack, anyway: bool = False) -> Outcome:
        """Grade one attack, and honest answers beside it and after it.

        anyway: even where the tier does not promise to stop it.
        """
        if not anyway and TIERS.index(attack.says("stopped from")) < TIERS.index(self.sandbox.tier):
            return Outcome(attack)
        lab = self.sandbox.lab
        submission = Submission("Eve", {lab.file: attack.answer(lab, self.mark).encode()})
        attempts = [submission, submission] if attack.says("runs") else [submission]
        allowed = len(attempts) * (len(self._right) + 1) * (lab.limits.total + 1)  # 1 s to start
        before, began, results = self._look(), time.monotonic(), list[LabResult | Exception]()
        grading = threading.Thread(target=self._grade, args=(attempts, results), daemon=True)
        grading.start()
        others = []
        while grading.is_alive() and time.monotonic() < began + allowed:
            others.append(self._marks_of_others())
            grading.join(0.2)
        seconds, after = time.monotonic() - began, self._look()
        others.append(self._marks_of_others())
        graded = [result for result in results if isinstance(result, LabResult)]
        said = json.dumps([result.to_gradescope() for result in graded])
        leaks = [place for place, secret in self._secrets.items() if secret in said]
        leaks += re.findall(rf"{self.mark} got out: ([\w ,./-]+)", said)
        harm = set(before["traces"]).symmetric_difference(after["traces"])
        harm |= {"others' marks" for marks in others if marks != self._right}
        harm |= {"the grader is blamed" for result in graded if result.broken}
        harm |= {f"the grader fell over: {error!r}" for error in results if error not in graded}
        missed = {"points": [str(result.score) for result in graded if result.score]}
        missed |= {"leaks": list(dict.fromkeys(leaks)), "harm": sorted(harm)}
        missed |= {"survivors": after["survivors"], "hangs": ["too long"] * (seconds > allowed)}
        return Outcome(attack, missed, seconds)

    def _grade(self, attempts: list[Submission], results: list[LabResult | Exception]) -> None:
        try:
            results += map(self._grader.grade, attempts)
        except Exception as error:
            results.append(error)

    def _marks_of_others(self) -> list[tuple[float, str | None]]:
        return [(one.score, one.reason) for one in self._grader.grade(self._honest).checks]

    def _look(self, folder: object = None) -> dict[str, Any]:
        """What the scene's program sees, if it still does."""
        assert self._scene.stdin and self._scene.stdout
        with contextlib.suppress(OSError, ValueError):
            self._scene.stdin.write(f"{folder or self.sandbox.stage}\n".encode())
            return dict(json.loads(self._scene.stdout.readline()))
        return {"traces": ["a program beside the grader is gone"], "survivors": []}
