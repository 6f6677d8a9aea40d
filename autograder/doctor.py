"""What this machine can do for grading, tried and not guessed, and what to do for more.

Each tier is started as if to grade and asks one child one question. "It works at home and fails on
the server" begins with two of these reports side by side: the versions are those that decide.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

from autograder import forks, tiers
from autograder.lab import Lab, third_party
from autograder.sandbox import Sandbox, SandboxError
from autograder.student import Student, StudentError

QUESTION = b"def answer():\n    return 42\n"
UBUNTU = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
GAINS = {
    "T3": "bubblewrap, namespaces, seccomp, limits, and one limit of memory for the whole tree",
    "T2": "bubblewrap, namespaces, seccomp, limits",
    "T1": "Landlock, seccomp, limits; no network; no file of yours",
    "T0": "limits only: a submission runs with your rights",
}


@dataclass(frozen=True)
class Diagnosis:
    """One tier: whether a child answered in it, and if not, why and what helps."""

    tier: str
    works: bool
    why: str = ""
    remedy: str = ""


def examine(lab: Lab) -> list[Diagnosis]:
    """Try each tier with ``lab``, the best first."""
    return [_try(lab, tier) for tier in tiers.TIERS]


def _try(lab: Lab, tier: str) -> Diagnosis:
    plain = replace(lab, file="question.py")
    try:
        with Sandbox(plain, tier) as sandbox:
            student = Student({"question.py": QUESTION}, sandbox)
            try:
                answered = student.call("answer") == 42
            finally:
                student.close()
        return Diagnosis(tier, answered)
    except (SandboxError, StudentError) as error:
        why = str(error).removeprefix(f"no such isolation on this machine: {tier}: ")
        return Diagnosis(tier, False, why, _remedy(tier, why))


def _remedy(tier: str, why: str) -> str:
    """The command that helps, where one does."""
    if "not installed" in why:
        return "apt install bubblewrap (or your system's package of that name)"
    if tier == "T3" and "control group" in why:
        return "systemd-run --user --scope -p Delegate=yes autograder grade ..., or run as root"
    if tier == "T2" and UBUNTU.exists() and UBUNTU.read_text().strip() == "1":
        return "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0"
    if tier == "T2":
        return "a container hides namespaces: grade outside of it, or start it with --privileged"
    return ""


def versions(lab: Lab) -> Iterator[tuple[str, str]]:
    """What a mark may depend on, beside the lab: name and version."""
    yield "python", platform.python_version()
    yield "system", f"{platform.system()} {platform.release()} ({platform.machine()})"
    yield "cores", str(len(os.sched_getaffinity(0)) if forks.AVAILABLE else os.cpu_count())
    for name in third_party(lab):
        yield name, metadata.version(name)
