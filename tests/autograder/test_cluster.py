"""A cluster gives the marks that one machine gives, whatever happens to its workers."""

import sys

import pytest

from autograder import cluster
from autograder.batch import find_submissions, grade_all
from autograder.lab import LabError, load_lab
from autograder.starter import answer_source
from autograder.store import terms_of

DYING = """
from pathlib import Path
import os, signal

fuse = Path(__file__).with_name("fuse")


@check(task="total", points=10, title="the worker survives")
def the_worker_survives(student, rng):
    if fuse.exists():
        fuse.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def handed_in(lab, tmp_path):
    """Right, wrong, unreadable and broken work."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(6):
        wrong = f"def product(numbers):\n    return {number}\n"
        text = answer_source(lab, wrong) if number % 2 else f"# {number}\n{answer_source(lab)}"
        (folder / f"s{number}.py").write_text(text, encoding="utf-8")
    (folder / "cut.zip").write_bytes(b"PK")
    (folder / "raises.py").write_text("1 / 0\n", encoding="utf-8")
    return folder


@pytest.mark.multiprocess
def test_a_worker_that_is_killed_changes_no_mark(course, handed_in, tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    checks = course / "labs/sums/checks.py"
    checks.write_text(checks.read_text() + DYING)
    about = course / "labs/sums/lab.toml"  # no time-out on a machine that is busy otherwise
    about.write_text(about.read_text().replace("wall = 1.0", "wall = 20.0"))
    lab = load_lab(course / "labs/sums")
    paths = find_submissions([handed_in], lab)
    alone = grade_all(lab, paths, tmp_path / "alone", b"key")
    monkeypatch.chdir(course)  # where workers look for their labs
    (course / "labs/sums/fuse").touch()
    together = grade_all(lab, paths, tmp_path / "together", b"key", cluster="local:2")
    assert not (course / "labs/sums/fuse").exists(), "no worker was killed"
    assert [result.tier for result in together] == [result.tier for result in alone]
    assert not any(result.broken for result in together)
    for name in ("gradebook.csv", "results"):
        assert (tmp_path / "alone" / name).exists()
    books = [(tmp_path / name / "gradebook.csv").read_bytes() for name in ("alone", "together")]
    assert books[0] == books[1]
    again = grade_all(lab, paths, tmp_path / "together", b"key")
    assert again == together, "what the cluster graded is known here"


def test_a_worker_that_would_grade_on_other_terms_refuses(lab, tmp_path):
    terms = {**terms_of(lab, "T0"), "numpy": "0.1", "lab": "sums sha256:0"}
    with pytest.raises(LabError, match="another lab, numpy"):
        cluster._opened(lab, terms, b"key")


def test_a_worker_outside_the_course_says_where_to_start_it(course, monkeypatch):
    monkeypatch.chdir(course)
    with pytest.raises(LabError, match="start workers in the folder of the course"):
        cluster._lab("nosuch", None)


@pytest.mark.parametrize("address", ["local:many", "tcp://127.0.0.1:1", "nowhere"])
def test_no_cluster_is_said_in_one_line(lab, address, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "PATIENCE", 1)
    with (
        pytest.raises(LabError, match="expected tcp://HOST:PORT"),
        cluster.dask_cluster(address, lab, b"key"),
    ):
        pass


def test_without_dask_it_is_said_what_to_install(lab, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(LabError, match=r"mlsys\[cluster\]"),
        cluster.dask_cluster("local:1", lab, b"key"),
    ):
        pass
