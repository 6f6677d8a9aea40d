"""The student bundle: enough to do the labs with, and no answer in it."""

import ast
import os
import subprocess
import sys

import pytest

from autograder.lab import LabError, find_labs, load_lab
from autograder.release import release
from autograder.starter import answer_source, starter_source


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def secrets(lab):
    """Lines of code that stand in the full answer's extensions and in no starter."""
    starter = {line.strip() for line in starter_source(lab).splitlines()}
    reference = "".join(path.read_text("utf-8") for path in (lab.root / "mlsys").rglob("*.py"))
    for line in (lab.folder / "solution.py").read_text("utf-8").splitlines():
        line = line.strip()
        if len(line) >= 25 and line not in starter and line not in reference:
            yield line


def test_a_bundle_has_what_a_student_needs_and_nothing_else(lab, tmp_path):
    names = {
        path.relative_to(tmp_path / "b").as_posix() for path in release(lab.root, tmp_path / "b")
    }
    assert names == {
        "README.md",
        "pyproject.toml",
        "book/chapters.toml",
        "labs/sums/checks.py",
        "labs/sums/handout.md",
        "labs/sums/lab.toml",
        "labs/sums/probes.py",
        "labs/sums/starter/sums.py",
        "mlsys/__init__.py",
        "mlsys/first/__init__.py",
        "mlsys/first/adding.py",
        "mlsys/first/summing.py",
        "mlsys/second/__init__.py",
        "mlsys/second/later.py",
    }


def test_starters_and_versions_are_the_repositorys(lab, tmp_path):
    release(lab.root, tmp_path / "bundle")
    ours = load_lab(tmp_path / "bundle" / "labs" / "sums")
    assert starter_source(ours) == starter_source(lab)
    assert ours.version == lab.version


def test_the_same_repository_makes_the_same_bundle(lab, tmp_path):
    for name in "ab":
        release(lab.root, tmp_path / name)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_a_folder_in_use_is_left_alone(lab, tmp_path):
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").touch()
    with pytest.raises(LabError, match="there already"):
        release(lab.root, tmp_path / "used")
    assert list(contents(tmp_path / "used")) == ["file"]


def test_a_lab_that_cannot_be_given_out_leaves_no_half_bundle(lab, tmp_path):
    (lab.folder / "solution.py").write_text("def product(", encoding="utf-8")
    with pytest.raises(LabError):
        release(lab.root, tmp_path / "out" / "bundle")
    assert not list((tmp_path / "out").iterdir())


def test_no_answer_to_an_extension_is_in_the_bundle_of_this_repository(root, tmp_path):
    release(root, tmp_path / "bundle")
    files = contents(tmp_path / "bundle")
    text = b"\n".join(files.values()).decode("utf-8", "replace")
    for lab in find_labs(root).values():
        leaked = [line for line in secrets(lab) if line in text]
        assert not leaked, f"{lab.name}: {leaked}"
    inside = {part for name in files if name.startswith("labs/") for part in name.split("/")}
    assert not inside & {"solution.py", "wrong", "right", "answer", "hidden"}


def test_every_starter_in_the_bundle_is_blank(root, tmp_path):
    release(root, tmp_path / "bundle")
    for lab in find_labs(tmp_path / "bundle").values():
        blank = {name for task in lab.tasks for name in task.extend}
        for node in ast.parse(starter_source(lab)).body:
            functions = ast.FunctionDef | ast.AsyncFunctionDef
            if isinstance(node, functions) and node.name in blank:
                assert len(node.body) == 2 and isinstance(node.body[1], ast.Raise)
                blank.remove(node.name)
        assert not blank


@pytest.mark.multiprocess
def test_a_lab_is_done_from_the_bundle_alone(root, tmp_path):
    bundle = tmp_path / "bundle"
    release(root, bundle)
    lab = next(iter(find_labs(root).values()))
    site = next(path for path in sys.path if path.endswith("site-packages"))

    def labs(*arguments):
        command = [sys.executable, "-S", "-m", "autograder", "labs", *arguments]
        environment = {
            **{name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ},
            "PYTHONPATH": os.pathsep.join([str(bundle), site]),  # -S: no editable install is seen
        }
        return subprocess.run(
            command, cwd=bundle, env=environment, capture_output=True, text=True, timeout=50
        )

    assert lab.name in labs("list").stdout
    assert labs("start", lab.name).returncode == 0
    untouched = labs("check", lab.name)
    assert untouched.returncode == 1 and "0 of 100 points" in untouched.stdout, untouched.stderr
    work = bundle / "work" / lab.name
    (work / lab.file).write_text(answer_source(lab), encoding="utf-8")
    for name in lab.extra:
        (work / name).write_bytes((lab.folder / "answer" / name).read_bytes())
    done = labs("check", lab.name)
    assert done.returncode == 0 and "100 of 100 points" in done.stdout, done.stdout + done.stderr
    assert labs("submit", lab.name, "--name", "Ada").returncode == 0
    assert (work / f"{lab.name}-Ada.zip").exists()
