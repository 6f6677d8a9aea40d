"""A class of a thousand, graded from start to finish by the command that an instructor types."""

import itertools
import os
import re
import subprocess
import sys
import time

import pytest

from autograder.damage import DAMAGES
from autograder.lab import PACKAGE_ROOT, find_labs
from autograder.sample import all_works
from autograder.store import STORE, Store
from autograder.submission import write_archive

MOST = 150  # MiB of the process that grades, whatever the size of the class


def write_class(works, folder, students):
    """Archives of so many students, a folder for each lab of ``works``, no two of them alike."""
    turns = itertools.cycle((lab, itertools.cycle(each)) for lab, each in works.items())
    for number, (lab, turn) in zip(range(students), turns):
        work, student = next(turn), f"student{number:04}"
        source = work.files[lab.file]
        files = {**work.files, lab.file: source + f"\n# {number}\n".encode() if source else source}
        archive = write_archive(lab, files, student)
        if work.damage:
            archive = DAMAGES[work.damage](archive, lab.file)
        path = folder / lab.name / f"{lab.name}-{student}.zip"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(archive)


def grade(folder, lab, out):
    """Grade as a process; the exit code, the seconds and the MiB that it took."""
    command = [sys.executable, "-m", "autograder", "grade", folder, "--lab", lab.name, "--out", out]
    environment, began, peak = {**os.environ, "AUTOGRADER_KEY": "secret"}, time.monotonic(), 0.0
    with open(out.with_suffix(".txt"), "w") as said:
        process = subprocess.Popen(command, cwd=lab.root, env=environment, stdout=said, stderr=said)
        try:
            while process.poll() is None:
                with open(f"/proc/{process.pid}/status") as status:
                    found = re.search(r"VmHWM:\s+(\d+) kB", status.read())
                peak = max(peak, int(found[1]) / 1024) if found else peak
                time.sleep(0.1)
        finally:
            process.kill()
    return process.returncode, time.monotonic() - began, peak


def grade_class(works, students, folder, capsys):
    """Grade a class twice: every submission has its marks, in little memory, and but once."""
    write_class(works, folder, students)
    for lab in works:
        handed_in, out = folder / lab.name, folder / "out"
        code, seconds, peak = grade(handed_in, lab, out)
        number = len(list(handed_in.iterdir()))
        with capsys.disabled():
            rate = f"{number / seconds:.1f}/s, {peak:.0f} MiB"
            print(f"\n{number} of {lab.name}: {seconds:.0f} s, {rate}")
        assert code == 0, out.with_suffix(".txt").read_text()[-2000:]
        assert peak < MOST
        with Store(out / STORE) as store:
            graded = list(store.graded(lab.name))
        assert len(graded) == number and {one.result.points for one in graded} == {100}
        code, seconds, peak = grade(handed_in, lab, out)
        with Store(out / STORE) as store:
            assert code == 0 and peak < MOST and list(store.graded(lab.name)) == graded


pytestmark = [
    pytest.mark.multiprocess,
    pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="reads memory from /proc"),
]


def test_a_class_of_a_hundred_is_graded_in_little_memory(lab, tmp_path, capsys):
    honest = itertools.takewhile(lambda work: work.kind != "hostile", all_works(lab))
    grade_class({lab: list(honest)}, 100, tmp_path, capsys)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_a_thousand_of_all_labs_are_graded_in_little_memory(tmp_path, capsys):
    works = {lab: list(all_works(lab)) for lab in find_labs(PACKAGE_ROOT).values()}
    grade_class(works, 1000, tmp_path, capsys)
