"""A class is graded whole: one row for each submission, the same marks in any order."""

import dataclasses
import json

import pytest

from autograder import batch
from autograder.batch import find_submissions, grade_all
from autograder.grade import Grader
from autograder.lab import LabError
from autograder.results import LabResult
from autograder.starter import answer_source
from autograder.store import STORE, Store
from autograder.submission import write_archive


@pytest.fixture
def handed_in(lab, tmp_path):
    """A folder as a platform exports it: archives, a folder, a file, and some noise."""
    folder = tmp_path / "submissions"
    (folder / "dave").mkdir(parents=True)
    answer = answer_source(lab)
    zero = answer_source(lab, "def product(numbers):\n    return 0\n")
    (folder / "ada.zip").write_bytes(write_archive(lab, {"sums.py": answer.encode()}, "Ada"))
    (folder / "bob.py").write_text(zero, encoding="utf-8")
    (folder / "carol.zip").write_bytes(b"not a zip")
    (folder / "dave" / "sums.py").write_text("while True: pass\n", encoding="utf-8")
    (folder / "notes.txt").write_text("hello", encoding="utf-8")
    (folder / ".DS_Store").write_bytes(b"")
    return folder


def marks(results):
    return {
        result.student: [dataclasses.replace(check, seconds=0.0) for check in result.checks]
        for result in results
    }


def test_every_submission_gets_a_row(lab, handed_in, tmp_path):
    out, seen = tmp_path / "out", []
    paths = find_submissions([handed_in], lab)
    results = grade_all(lab, paths, out, b"key", done=seen.append)
    scores = {result.student: result.score for result in results}
    assert scores == {"Ada": 100, "bob": 40, "carol": 0, "dave": 0, "notes.txt": 0}
    assert sorted(map(str, seen)) == sorted(map(str, results))
    stored = {path.stem: json.loads(path.read_text()) for path in (out / "results").iterdir()}
    assert stored.keys() == {f"sums-{name}" for name in ("ada", "bob", "carol", "dave", "notes")}
    names = [f"sums-{path.stem}" for path in paths]
    assert [LabResult.from_gradescope(stored[name]) for name in names] == results
    assert len((out / "gradebook.csv").read_text().splitlines()) == 6
    assert "Ada" in (out / "report.html").read_text()


def test_marks_depend_on_neither_order_nor_number_of_workers(lab, handed_in, tmp_path):
    paths = find_submissions([handed_in], lab)
    alone = grade_all(lab, paths, tmp_path / "a", b"key", workers=1)
    together = grade_all(lab, paths[::-1], tmp_path / "b", b"key", workers=3)
    assert marks(alone) == marks(together)


def test_our_own_failure_is_one_row_and_is_said_to_be_ours(lab, handed_in, tmp_path, monkeypatch):
    grade = Grader.grade

    def fail_for_bob(self, submission):
        if submission.student == "bob":
            raise RuntimeError("a bug of ours")
        return grade(self, submission)

    monkeypatch.setattr(Grader, "grade", fail_for_bob)
    results = grade_all(lab, find_submissions([handed_in], lab), tmp_path / "out", b"key")
    bob = next(result for result in results if result.student == "bob")
    assert bob.broken and "a bug of ours" in bob.problem
    assert sum(result.broken for result in results) == 1


def test_results_of_finished_submissions_are_kept_when_grading_is_interrupted(
    lab, handed_in, tmp_path
):
    def stop(result):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grade_all(lab, find_submissions([handed_in], lab), tmp_path, b"key", workers=1, done=stop)
    with Store(tmp_path / STORE) as store:
        assert len(list(store.graded())) == 1


def test_names_that_would_meet_in_one_file_are_kept_apart(lab):
    names = batch._file_names(["Ada", "x/ada.zip", "y/sums-ada.py", "../ada", "", "ä"], lab)
    assert len({name.lower() for name in names}) == 6
    assert not any("/" in name or name.startswith(".") for name in names)


def test_a_path_that_is_not_there_and_an_empty_folder_are_errors(lab, tmp_path):
    with pytest.raises(LabError, match="does not exist"):
        find_submissions([tmp_path / "nowhere"], lab)
    (tmp_path / "empty").mkdir()
    with pytest.raises(LabError, match="no submissions in"):
        find_submissions([tmp_path / "empty"], lab)


def test_paths_name_files_and_folders_alike(lab, handed_in):
    paths = find_submissions([handed_in / "ada.zip", handed_in / "dave", handed_in], lab)
    assert [path.name for path in paths[:2]] == ["ada.zip", "dave"] and len(paths) == 7
