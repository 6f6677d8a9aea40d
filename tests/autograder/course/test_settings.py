"""course.toml: what is read, and what a mistake in it is told."""

import math
from datetime import datetime

import pytest

from autograder.course import settings
from autograder.course.policy import Course, Late
from autograder.course.settings import read_course
from autograder.lab import LabError

DUE = "due = 2026-10-05T23:59:59-07:00"


@pytest.fixture
def read(tmp_path):
    def read(text):
        path = tmp_path / "course.toml"
        path.write_text(text, encoding="utf-8")
        return read_course(path)

    return read


def test_the_example_of_the_docstring_is_read(read):
    example = settings.__doc__.partition("\n\n")[2].replace("\n    ", "\n").strip()
    course = read(example)
    assert course.late == Late(grace_days=5, penalty=0.1, floor=0.5, accept_days=7)
    terms = course.terms("autodiff")
    assert terms.due == datetime.fromisoformat("2026-10-06T06:59:59+00:00").timestamp()
    assert (terms.weight, terms.title, terms.canvas_id) == (20, "Autodiff", 1815)
    assert course.due("ada", "autodiff") - terms.due == 48 * 3600
    assert course.counts == "best"


def test_nothing_need_be_said(read):
    assert read("") == Course()
    course = read(f"[labs.a]\n{DUE}\n")
    assert course.terms("a").weight is None and course.late.accept_days == math.inf
    assert course.terms("other").due == math.inf


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("late = ", "course.toml: "),
        ("penalties = 1", "penalties is unknown; there may be counts, late, labs, extensions"),
        ("late = 3", "late should be a table, not 3"),
        ('counts = "all"', '"best" or "latest"'),
        ("counts = 1", "counts should be a text in quotes"),
        ("[late]\npenalti = 0.1", "[late] penalti is unknown; there may be grace_days, penalty"),
        ("[late]\npenalty = 10", "numbers between 0 and 1"),
        ("[late]\nfloor = 1.5", "numbers between 0 and 1"),
        ("[late]\npenalty = -0.1", "[late] penalty should be a number, 0 or more, not -0.1"),
        ("[late]\npenalty = nan", "[late] penalty should be a number"),
        ("[late]\npenalty = true", "[late] penalty should be a number"),
        ("[late]\ngrace_days = 1.5", "[late] grace_days should be a whole number"),
        ('[late]\nper = "week"', '"day" or "hour"'),
        ("[labs]\na = 3", "[labs.a] should be a table, not 3"),
        ("[labs.a]\nweight = 3", "[labs.a] due should be a time with its offset"),
        ("[labs.a]\ndue = 2026-10-05", "[labs.a] due should be a time with its offset"),
        ("[labs.a]\ndue = 2026-10-05T23:59:59", "[labs.a] due should be a time with its offset"),
        (f"[labs.a]\n{DUE}\ncanvas_id = 'x'", "[labs.a] canvas_id should be a whole number"),
        (f"[labs.a]\n{DUE}\ntitle = 3", "[labs.a] title should be a text in quotes"),
        (f"[labs.a]\n{DUE}\n[extensions.ada]\nb = 3", "[extensions.ada] b is unknown; there may"),
        (f"[labs.a]\n{DUE}\n[extensions]\nada = 3", "[extensions.ada] should be a table, not 3"),
        (f'[labs.a]\n{DUE}\n[extensions.ada]\na = "3"', "[extensions.ada] a should be a number"),
    ],
)
def test_a_mistake_is_told_with_its_place(read, text, told):
    with pytest.raises(LabError) as error:
        read(text)
    assert told in str(error.value)
    assert "course.toml" in str(error.value)
