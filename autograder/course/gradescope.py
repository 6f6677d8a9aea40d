"""A zip that grades one lab on Gradescope, and what it runs there.

In the zip are ``setup.sh`` and ``run_autograder``, the student bundle, the versions of the packages
that grade here, the course key and the instructor's own checks. Gradescope unpacks it to
/autograder/source, where root alone may read. ``results/results.json`` is valid from the first
moment on, whenever the platform may stop us.
"""

from __future__ import annotations

import contextlib
import json
import stat
import sys
import tempfile
import zipfile
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from autograder.atomic import replacing, write_atomically
from autograder.grade import Grader, require_walls
from autograder.lab import Lab, load_lab, third_party, with_hidden
from autograder.release import release
from autograder.results import LabResult
from autograder.sandbox import Sandbox
from autograder.submission import LONG_AGO, read_submission

SCRIPTS = {"setup.sh": "gradescope_setup.sh", "run_autograder": "gradescope_run.sh"}
ALLOWED = "allow-unsafe"  # in the zip, when marks without walls are wanted all the same
FAILED = "The grader was stopped, or failed, which is no fault of yours. Please tell the staff."


def write_zip(lab: Lab, target: Path, key: bytes, allow_unsafe: bool = False) -> None:
    """Write the zip for ``lab``, its hidden checks included, to ``target``; only we may read it.

    allow_unsafe: it grades even where the platform gives no walls.
    """
    files = {"course.key": key, "requirements.txt": _requirements(lab).encode()}
    files |= {ALLOWED: b""} if allow_unsafe else {}
    for name, script in SCRIPTS.items():
        text = Path(__file__).with_name(script).read_bytes()
        files[name] = text.replace(b"\r\n", b"\n").replace(b"LAB", lab.name.encode())
    for path in lab.hidden.glob("*.py") if lab.hidden else ():
        files[f"hidden/{lab.name}/{path.name}"] = path.read_bytes()
    with tempfile.TemporaryDirectory() as scratch, replacing(target) as file:
        bundle = Path(scratch, "bundle")
        files |= {str(p.relative_to(bundle)): p.read_bytes() for p in release(lab.root, bundle)}
        file.touch(mode=0o600)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in sorted(files.items()):
                member = zipfile.ZipInfo(Path(name).as_posix(), LONG_AGO)
                mode = stat.S_IFREG | (0o700 if name in SCRIPTS else 0o600)
                member.external_attr = mode << 16
                archive.writestr(member, content, zipfile.ZIP_DEFLATED)


def _requirements(lab: Lab) -> str:
    """The packages that grading needs, in the versions that are installed here."""
    owners = metadata.packages_distributions()
    names = {owners[name][0] for name in ("numpy", "rich", "typer", *third_party(lab))}
    versions = {name: metadata.version(name).partition("+")[0] for name in names}
    return "".join(f"{name}=={version}\n" for name, version in sorted(versions.items()))


def grade_here(name: str, root: Path) -> LabResult:
    """Grade the submission below ``root``, Gradescope's folder, from its ``source``."""
    source = root / "source"
    hidden = source / "hidden"
    lab = with_hidden(load_lab(source / "labs" / name), hidden if hidden.exists() else None)
    submission = read_submission(_handed_in(root / "submission", lab), lab)
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):  # the platform's word
        about = json.loads((root / "submission_metadata.json").read_text(encoding="utf-8"))
        submission = replace(submission, student=", ".join(u["email"] for u in about["users"]))
    with Sandbox(lab) as sandbox:
        key = (source / "course.key").read_bytes()
        require_walls(sandbox.tier, key, (source / ALLOWED).exists())
        return Grader(lab, sandbox, key).grade(submission)


def _handed_in(folder: Path, lab: Lab) -> Path:
    """Where the lab's file is: at the top, in a folder, or in an archive."""
    places = [folder, *sorted(folder.iterdir())]
    return next((at for at in places if at.suffix == ".zip" or (at / lab.file).exists()), folder)


def main(name: str, root: Path) -> None:
    """What ``run_autograder`` runs; what it prints, only the staff may see."""
    results = root / "results" / "results.json"
    failed = {"score": 0, "output": FAILED, "stdout_visibility": "hidden", "tests": []}
    write_atomically(results, json.dumps(failed))
    try:
        result = grade_here(name, root)
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {error}")
    write_atomically(results, json.dumps(result.to_gradescope()))
    print(f"{result.student}: {result.score:g} of {result.points}, tier {result.tier}")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
