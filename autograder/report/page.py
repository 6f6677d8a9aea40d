"""Put the sections together into one file that needs no other.

The page forbids itself everything but its own style and script, which it names by their hashes:
should a text from a submission ever slip through as HTML, the browser would neither run it nor
fetch anything for it.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from autograder.atomic import write_atomically
from autograder.gradebook import by_student
from autograder.lab import Lab
from autograder.report.feedback import feedback
from autograder.report.markup import count, text
from autograder.report.sections import distribution, missed_checks, students, tiles
from autograder.report.statistics import histogram, most_missed, summarise
from autograder.results import LabResult


def write_html(results: Sequence[LabResult], lab: Lab, path: Path) -> None:
    """Write the report to ``path``: the same bytes for the same results in any order."""
    write_atomically(path, page(results, lab))


def page(results: Sequence[LabResult], lab: Lab) -> str:
    """The whole page as HTML text."""
    ordered = sorted(results, key=by_student)
    tasks = {task.name: task.title for task in lab.tasks}
    ran = sum(result.problem is None for result in ordered)
    sections = [
        _header(ordered, lab),
        tiles(summarise(ordered)),
        distribution(histogram(ordered)),
        missed_checks(most_missed(ordered), tasks, ran),
        students(ordered, tasks),
        feedback(ordered, tasks),
    ]
    return _document(f"{lab.title}: class report", "\n".join(sections))


def _header(results: Sequence[LabResult], lab: Lab) -> str:
    versions = sorted({result.lab_version for result in results})
    tiers = sorted({result.tier for result in results})
    line = f"Lab <code>{text(lab.name)}</code> · {count(len(results), 'submission')}"
    if versions:
        line += f" · version <code>{text(', '.join(v[:19] for v in versions))}</code>"
        line += f" · isolation {text(', '.join(tiers))}"
    practice = any(result.key == "practice" for result in results)
    warning = (
        '<p class="warning"><b>Practice marks.</b> No course key was given, so every student could'
        " try the very same cases. Grade with <code>--key-file</code> before marks count.</p>"
    )
    return (
        f'<header><p class="kicker">Class report</p><h1>{text(lab.title)}</h1>'
        f'<p class="note">{line}</p>{warning if practice else ""}{_namesakes(results)}</header>'
    )


def _namesakes(results: Sequence[LabResult]) -> str:
    """A warning when several submissions give the same name: a student may write any name."""
    times = Counter(result.student for result in results)
    several = [f"<bdi>{text(name)}</bdi> ({n})" for name, n in times.items() if n > 1]
    if not several:
        return ""
    return (
        f'<p class="warning"><b>One name, several submissions:</b> {", ".join(several)}. The name'
        " stands in the archive, where anybody can write any name: see whose they are.</p>"
    )


def _document(title: str, body: str) -> str:
    style, script = _own_file("page.css"), _own_file("page.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}';"
        " img-src data:; base-uri 'none'; form-action 'none'"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<link rel="icon" href="data:,">\n'
        f"<title>{text(title)}</title>\n<style>{style}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n<script>{script}</script>\n</body>\n</html>\n"
    )


def _own_file(name: str) -> str:
    return resources.files("autograder.report").joinpath(name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
