"""A class is graded whole: one row for each submission, the same marks in any order."""

import dataclasses
import json
import os
from collections import Counter
from pathlib import Path

import pytest

from autograder import batch, tiers
from autograder.batch import find_submissions, grade_all, regradable
from autograder.batch import handed_in as handed_in_times
from autograder.grade import Grader
from autograder.lab import LabError, with_hidden
from autograder.results import LabResult
from autograder.starter import answer_source
from autograder.store import STORE, Store
from autograder.submission import read_submission, write_archive


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
    assert "Ada" in (out / "report" / "staff" / "students.html").read_text()


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


@pytest.fixture
def counted(monkeypatch):
    """Count the gradings by the student whose name was used; ``fail`` makes them fail."""
    count, grade = Counter(), Grader.grade

    def grade_and_count(self, submission):
        count[submission.student] += 1
        if submission.student in count.fail:
            raise RuntimeError("a bug of ours")
        return grade(self, submission)

    count.fail = set()
    monkeypatch.setattr(Grader, "grade", grade_and_count)
    return count


def test_what_is_known_is_not_graded_again_whoever_hands_it_in(lab, handed_in, tmp_path, counted):
    first = grade_all(lab, find_submissions([handed_in], lab), tmp_path / "out", b"key")
    assert set(counted.values()) == {1}
    counted.clear()
    (handed_in / "erin.py").write_bytes((handed_in / "bob.py").read_bytes())
    results = grade_all(lab, find_submissions([handed_in], lab), tmp_path / "out", b"key")
    assert not counted
    erin = next(result for result in results if result.student == "erin")
    bob = next(result for result in results if result.student == "bob")
    assert dataclasses.replace(erin, student="bob") == bob
    assert [result for result in results if result is not erin] == first
    assert "erin" in (tmp_path / "out" / "gradebook.csv").read_text()
    grade_all(lab, find_submissions([handed_in], lab), tmp_path / "out", b"another key")
    assert sum(counted.values()) == 5  # once for bob and erin


def test_the_same_work_handed_in_by_all_is_graded_once(lab, tmp_path, counted):
    for number in range(20):
        (tmp_path / f"s{number}.py").write_text(answer_source(lab), encoding="utf-8")
    paths = find_submissions(sorted(tmp_path.glob("*.py")), lab)
    results = grade_all(lab, paths, tmp_path / "out", b"key")
    assert [result.student for result in results] == [path.stem for path in paths]
    assert {result.score for result in results} == {100} and sum(counted.values()) == 1


def test_a_fault_of_ours_is_tried_twice_now_and_again_the_next_time(
    lab, handed_in, tmp_path, counted
):
    counted.fail = {"bob"}
    paths = find_submissions([handed_in], lab)
    grade_all(lab, paths, tmp_path / "out", b"key")
    assert counted["bob"] == 2
    counted.fail, before = set(), counted["Ada"]
    results = grade_all(lab, paths, tmp_path / "out", b"key")
    assert not any(result.broken for result in results)
    assert counted["bob"] == 3 and counted["Ada"] == before == 1


def test_a_class_is_never_read_as_a_whole(lab, tmp_path, monkeypatch):
    for number in range(30):
        (tmp_path / f"s{number}.py").write_text(f"x = {number}", encoding="utf-8")
    read, done = [], []

    def read_and_count(path, lab):
        read.append(path)
        assert len(read) - len(done) <= 2 * 2 + 1
        return read_submission(path, lab)

    monkeypatch.setattr(batch, "read_submission", read_and_count)
    paths = find_submissions([*tmp_path.glob("*.py")], lab)
    grade_all(lab, paths, tmp_path / "out", b"key", workers=2, done=done.append)
    assert len(read) == len(done) == 30


def test_attempts_are_told_apart_and_know_when_they_came(lab, handed_in, tmp_path):
    os.utime(handed_in / "bob.py", (1e9, 1e9))
    os.utime(handed_in / "dave" / "sums.py", (1.1e9, 1.1e9))
    paths = find_submissions([handed_in], lab)
    assert [int(time) for time in handed_in_times(paths, lab)[1::2]] == [1e9, 1.1e9]
    second = tmp_path / "second" / "bob.py"
    second.parent.mkdir()
    second.write_text(answer_source(lab), encoding="utf-8")
    out = tmp_path / "out"
    grade_all(lab, [handed_in / "bob.py", second], out, b"key", moments=[1.0, 2.0])
    with Store(out / STORE) as store:
        tries = [(one.result.student, one.handed_in, one.result.score) for one in store.graded()]
    assert sorted(tries) == [("bob", 1.0, 40), ("bob", 2.0, 100)]


def test_a_file_of_times_is_read_and_its_mistakes_are_told(lab, tmp_path):
    paths, file = [Path("in/ada.zip"), Path("in/bob.py")], tmp_path / "times.csv"
    file.write_text(
        "who,source,time\nA,ada.zip,2001-09-09T01:46:40Z\nB,bob.py,2001-09-09T03:46:40+02:00"
    )
    assert handed_in_times(paths, lab, file) == [1e9, 1e9]
    for text in (
        "source,time\nada.zip,2001-09-09T01:46:40Z",
        "source,time\nada.zip,yesterday\nbob.py,today",
        "name,when\nada.zip,2001-09-09",
        "source,time\nada.zip\nbob.py",
        "",
    ):
        file.write_text(text)
        with pytest.raises(LabError, match="expected columns source,time"):
            handed_in_times(paths, lab, file)


def test_what_is_to_be_graded_again_is_what_changed_or_what_is_asked_for(
    lab, handed_in, tmp_path, counted
):
    out, labs = tmp_path / "out", {lab.name: lab}
    grade_all(lab, find_submissions([handed_in], lab), out, b"key")

    def sources(where="", labs=labs):
        groups, doubts = regradable(out, labs, where)
        return {Path(one.source).name for group in groups.values() for one in group}, doubts

    assert sources() == (set(), [])
    assert sources("reason = 'timeout'") == ({"dave"}, [])
    newer = {lab.name: dataclasses.replace(lab, version="sha256:new")}
    assert sources(labs=newer)[0] == {"ada.zip", "bob.py", "carol.zip", "dave", "notes.txt"}
    (handed_in / "bob.py").unlink()
    (handed_in / "dave" / "sums.py").write_text("better")
    fit, doubts = sources("score < 100")
    assert fit == {"carol.zip", "notes.txt"}
    assert len(doubts) == 2 and all("its old result stays" in doubt for doubt in doubts)
    assert any("bob.py is gone" in doubt for doubt in doubts)
    assert any("has changed" in doubt for doubt in doubts)
    assert "no lab of this course" in sources("score = 100", {})[1][0]


def test_grading_afresh_replaces_what_was_known(lab, handed_in, tmp_path, counted):
    paths = find_submissions([handed_in], lab)
    grade_all(lab, paths, tmp_path / "out", b"key")
    counted.clear()
    grade_all(lab, paths[:2], tmp_path / "out", b"key", moments=[5.0, 6.0], afresh=True)
    assert counted == {"Ada": 1, "bob": 1}
    with Store(tmp_path / "out" / STORE) as store:
        graded = list(store.graded())
    assert not regradable(tmp_path / "out", {lab.name: lab})[0]
    assert len(graded) == 5 and [one.handed_in for one in graded[:2]] == [5.0, 6.0]


def test_hidden_checks_are_not_lost_when_grading_again(lab, handed_in, tmp_path):
    hidden = tmp_path / "hidden" / lab.name
    hidden.mkdir(parents=True)
    (hidden / "checks.py").write_text(
        "from autograder import check\n\n\n@check(task='total', points=5, title='more')\n"
        "def more(student, rng):\n    assert student.call('total', [1]) == 1\n"
    )
    whole = with_hidden(lab, tmp_path / "hidden")
    results = grade_all(whole, [handed_in / "ada.zip"], tmp_path / "out", b"key")
    assert results[0].points == 105
    assert "hidden" in regradable(tmp_path / "out", {lab.name: lab}, "1")[1][0]
    assert not regradable(tmp_path / "out", {lab.name: whole}, "1")[1]


def test_a_gradebook_without_room_is_written_the_next_time(lab, handed_in, tmp_path, monkeypatch):
    def full(path, text):
        raise OSError(28, "No space left on device")

    paths, out = find_submissions([handed_in], lab), tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(batch, "write_atomically", full)
        with pytest.raises(OSError, match=r"out: .*No space left.*all marks that were kept are"):
            grade_all(lab, paths, out, b"key")
    assert not (out / "gradebook.csv").exists()
    monkeypatch.setattr(Grader, "grade", full)
    assert len(grade_all(lab, paths, out, b"key")) == 5
    assert len((out / "gradebook.csv").read_text().splitlines()) == 6


def test_official_marks_need_walls_or_a_word_for_it(lab, tmp_path, monkeypatch):
    monkeypatch.setattr(tiers, "TIERS", ("T0",))
    path = tmp_path / "ada.py"
    path.write_text(answer_source(lab), encoding="utf-8")
    with pytest.raises(LabError, match="tier T0"):
        grade_all(lab, [path], tmp_path / "out", b"a key")
    for key, allowed in ((b"practice", False), (b"a key", True)):
        out = tmp_path / key.decode()
        (result,) = grade_all(lab, [path], out, key, allow_unsafe=allowed)
        assert (result.tier, result.score) == ("T0", 100)
