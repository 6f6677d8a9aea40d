"""Print what is aimed at and not enforced: how long code is, and where the time went.

python tests/architecture/report.py                  sizes of the code
python tests/architecture/report.py times FILE...    ten dearest chapters, tests and labs
"""

from __future__ import annotations

import json
import re
import statistics
import sys
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from pathlib import Path

from project import Project, body_lines

ROOT = Path(__file__).resolve().parents[2]
# Shares of the time budget on two cores, in seconds: the tests of one module, a lab with all its
# variants, the cells of one chapter.
TEST_SHARE, LAB_SHARE, CHAPTER_SHARE = 8.0, 10.0, 15.0


def sizes(project: Project) -> list[str]:
    """One line for each package: medians of files and functions beside what is aimed at."""
    rows = []
    for package in ("mlsys", "autograder"):
        modules = [module for module in project.package(package) if module.lines > 1]
        functions = [body_lines(node) for module in modules for node in module.functions()]
        short = sum(lines < 20 for lines in functions) / max(1, len(functions))
        rows.append(
            f"{package}: {len(modules)} files, median {_median([m.lines for m in modules])} lines"
            f" (aim < 200); {len(functions)} functions, median {_median(functions)} (aim 6),"
            f" {short:.0%} under 20 (aim 90%)"
        )
    return rows


def dearest(times: dict[str, float], share: float, count: int = 10) -> list[str]:
    """The dearest entries with their seconds; one over twice its share is marked."""
    ranked = sorted(times.items(), key=lambda item: -item[1])[:count]
    marks = ["  <- over twice its share" if seconds > 2 * share else "" for _, seconds in ranked]
    rows = zip(ranked, marks, strict=True)
    return [f"{seconds:8.1f} s  {name}{mark}" for (name, seconds), mark in rows]


def seconds_of_tests(report: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds in a JUnit report, summed over the tests of each file, and of each lab.

    The tests under ``tests/labs`` are the same for every lab; their parameters begin with its name.
    """
    known = {path.parent.name for path in ROOT.glob("labs/*/lab.toml")}
    files: dict[str, float] = defaultdict(float)
    labs: dict[str, float] = defaultdict(float)
    for case in ElementTree.parse(report).iter("testcase"):
        file, parameters = case.get("classname", ""), case.get("name", "").partition("[")[2]
        lab = re.split(r"[-\]]", parameters)[0]
        sums, name = (labs, lab) if "labs" in file and lab in known else (files, file)
        sums[name] += float(case.get("time", 0))
    return files, labs


def _median(values: list[int]) -> int:
    return round(statistics.median(values)) if values else 0


def main(arguments: list[str]) -> None:
    """Print the sizes, or the times found in the files that are named."""
    if arguments[:1] != ["times"]:
        print(*sizes(Project(ROOT)), sep="\n")
        return
    for path in map(Path, arguments[1:]):
        print(*times(path), sep="\n")


def times(path: Path) -> list[str]:
    """The dearest chapters of a JSON file, or the dearest test files and labs of a JUnit report."""
    if not path.exists():
        return [f"{path}: not there, so its times are not known"]
    if path.suffix == ".json":
        chapters = json.loads(path.read_text(encoding="utf-8"))
        return ["dearest chapters (cells):", *dearest(chapters, CHAPTER_SHARE)]
    files, labs = seconds_of_tests(path)
    return [
        "dearest test files:",
        *dearest(files, TEST_SHARE),
        "dearest labs (all variants):",
        *dearest(labs, LAB_SHARE),
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
