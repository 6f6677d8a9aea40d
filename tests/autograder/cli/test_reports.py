"""``autograder report`` and ``autograder similar``, as an instructor types them."""

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from autograder.cli import autograder_app
from autograder.results import CheckResult, Graded, LabResult
from autograder.starter import answer_source
from autograder.store import STORE, Store

LOOP = """
def product(numbers):
    result = 1
    for place in range(0, len(numbers) + 1 - 1, 1):
        if numbers[place] == 0 and place >= 0:
            return numbers[place] * 0
        result = result * numbers[place] + 0 * (place - 1)
    return result if len(numbers) > 0 else 1
"""


@pytest.fixture
def run(course, monkeypatch):
    monkeypatch.chdir(course)

    def run(*words):
        done = CliRunner().invoke(autograder_app, [*map(str, words)])
        if done.exception and not isinstance(done.exception, SystemExit):
            return 2, str(done.exception)
        return done.exit_code, done.output

    return run


@pytest.fixture
def out(tmp_path, lab):
    """What grading two students of one lab leaves, a check of it hidden."""
    secret = "the secret input"
    checks = [
        CheckResult("sums", "total", "sums", 40, 40.0),
        CheckResult("big", "product", "big ones", 60, 0.0, "wrong", secret, hidden=True),
    ]
    checks[0] = replace(checks[0], score=10.0, reason="wrong", message="m", section="a/b#c")
    result = LabResult(
        "Ada", "sums", "Sums", lab.version, "sha256:1", "T3", "course", tuple(checks)
    )
    with Store(tmp_path / "out" / STORE, create=True) as store:
        for k, student in enumerate(("Ada", "Bob")):
            graded = Graded(f"sums-{student}.zip", 1e9, replace(result, student=student))
            store.keep(f"key {k}", [graded], "grader")
    return tmp_path / "out"


def students_of(out):
    return "".join(path.read_text() for path in (out / "report" / "students").iterdir())


def test_the_report_is_written_from_the_store(run, out):
    status, said = run("report", out)
    assert status == 0 and "to hand out" in said
    assert (out / "report" / "index.html").is_file()
    told = students_of(out)
    assert (
        told.count("big ones") == 2 and "the secret input" not in told and 'href="http' not in told
    )


def test_options_say_what_students_read(run, out):
    assert run("report", out, "--reveal", "points", "--book", "https://x.org/")[0] == 0
    assert "big ones" not in students_of(out)
    assert 'href="https://x.org/book/a/b.html#c"' in students_of(out)
    assert run("report", out, "--reveal", "full")[0] == 0
    assert "the secret input" in students_of(out)


def test_rules_and_roster_are_those_of_the_gradebook(run, out, tmp_path):
    (tmp_path / "course.toml").write_text(
        '[late]\npenalty = 0.5\nper = "day"\n[labs.sums]\ndue = 2001-09-08T12:00:00Z\n'
    )
    (tmp_path / "roster.csv").write_text("id,name\nAda,Ada Lovelace\nCleo,Cleo C\nBob,\n")
    status, said = run("report", out, "--course", tmp_path / "course.toml",
                       "--roster", tmp_path / "roster.csv")  # fmt: skip
    assert status == 0, said
    assert "Ada Lovelace (Ada)" in students_of(out) and "hours late" in students_of(out)
    assert "Cleo C (Cleo)" in (out / "report" / "staff" / "students.html").read_text()


NONSENSE = ["--book javascript:alert(1)", "--book x.org", "--reveal all"]
NONSENSE += ["--similar labs/sums/lab.toml"]


@pytest.mark.parametrize("words", NONSENSE)
def test_what_makes_no_sense_is_said_and_changes_nothing(run, out, words):
    run("report", out)
    before = students_of(out)
    status, said = run("report", out, *words.split())
    assert status == 2 and words.split()[1].rpartition("/")[2] in said
    assert students_of(out) == before


def test_a_folder_without_grades_is_an_error(run, tmp_path):
    status, said = run("report", tmp_path)
    assert status == 2 and "autograder grade" in said


def test_similar_works_are_found_and_shown_in_the_report(run, out, lab, tmp_path):
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    copied = answer_source(lab, LOOP)
    (inbox / "Ada.py").write_text(copied)
    (inbox / "Bob.py").write_text(copied.replace("result", "outcome").replace("place", "where"))
    (inbox / "Cleo.py").write_text(answer_source(lab))
    (inbox / "Dan.py").write_text("def f(:\n")
    to = tmp_path / "p.html"
    status, said = run("similar", inbox, "--lab", "sums", "--out", to, "--least", 3)
    assert status == 0 and "3 files, pairs: 1;" in said and "Dan.py is left out" in said
    assert "Ada.py" in to.read_text()
    (pair,) = json.loads((tmp_path / "p.json").read_text())["pairs"]
    assert (pair[0][0], pair[1][0], pair[3]) == ("Ada.py", "Bob.py", [1.0, 1.0])
    assert run("report", out, "--similar", tmp_path / "p.json")[0] == 0
    assert "Bob.py" in (out / "report" / "staff" / "similar-sums.html").read_text()
    assert "similar-sums.html" in (out / "report" / "staff" / "lab-sums.html").read_text()
