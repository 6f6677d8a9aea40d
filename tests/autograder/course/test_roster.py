"""Whose a submission is: never a guess, and never what the student typed before the platform."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.course.roster import Roster, Student, read_roster
from autograder.lab import LabError
from autograder.results import Graded, LabResult
from autograder.work import slug

ADA = Student("ada", "Ada Lovelace", "A", "ada@x.edu", "1815", "S-1", "al1")
BOB = Student("bob", "Bob Hopper", "B", "bob@x.edu", "1906", "S-2", "bh2")
ZOE = Student("zoë", "Zoë Ångström", canvas_id="77")
ROSTER = Roster([ADA, BOB, ZOE, Student("eve1", "Eve Fox"), Student("eve2", "Eve Fox")])


def graded(source, typed="nobody", lab="sums"):
    result = LabResult(typed, lab, "", "", "", "T0", "course", ())
    return Graded(source, 0.0, result)


def whose(source, typed="nobody"):
    return ROSTER.whose(graded(source, typed))


@pytest.mark.parametrize(
    "source",
    [
        "ada.zip", "inbox/sums-ada.zip", "ADA", "sums-Ada_Lovelace.zip", "ada@x.edu.zip", "al1.py",
        "S-1.zip", "lovelaceada_1815_90_answer.zip", "lovelaceada_LATE_1815_90_sums-bob.zip",
        "Ada Lovelace_4711_assignsubmission_file_", "Ada Lovelace_47_assignsubmission_file_bob.zip",
    ],
)  # fmt: skip
def test_the_name_of_the_file_decides_before_what_was_typed(source):
    assert whose(source) == ADA
    assert whose(source, typed="bob") == ADA


@pytest.mark.parametrize("typed", ["bob", "BOB ", "bob@x.edu", "Bob Hopper"])
def test_what_was_typed_decides_where_the_file_says_nothing(typed):
    assert whose("submission.zip", typed) == BOB


def test_an_accent_is_the_same_however_a_file_system_writes_it():
    for form in ("NFC", "NFD"):
        assert whose(unicodedata.normalize(form, "sums-Zoë_Ångström.zip")) == ZOE


@pytest.mark.parametrize("source", ["x_4711_90_ada.zip", "x_LATE_4711_90_ada.zip"])
def test_a_number_of_canvas_that_nobody_has_is_not_replaced_by_what_the_student_wrote(source):
    found = whose(source, typed="bob")
    assert found.problem == "not on the roster"
    assert (found.id, found.name) == (source, "bob")


def test_who_may_be_two_students_is_neither():
    found = whose("sums-Eve_Fox.zip", typed="ada")
    assert found.problem == "may be eve1 or eve2"
    assert whose("sums-eve1.zip").id == "eve1"


@pytest.mark.parametrize("typed", ["", "***", "../..", "canvas 1815", "1815"])
def test_no_odd_name_is_anybody(typed):
    roster = Roster([ADA, Student("b1"), Student("b2")])
    assert roster.whose(graded("file.zip", typed)).problem == "not on the roster"


def test_nobody_unknown_is_ever_mistaken_for_a_student():
    """A stranger whose file is named as an id is that student; else no id is equal to it."""
    for one in (whose("x_4711_90_ada.zip", "ada"), whose("file.zip", "***")):
        assert one not in ROSTER.students


def test_without_a_roster_everyone_is_who_they_say():
    assert Roster().whose(graded("x_1_2_y.zip", "Ada")) == Student("Ada")


@given(st.lists(st.text(min_size=1), min_size=1, max_size=6, unique=True), st.data())
def test_a_file_named_by_the_id_is_its_students_whoever_else_there_is(ids, data):
    students = [Student(name) for name in ids]
    one = data.draw(st.sampled_from(students))
    found = Roster(students).whose(graded(f"inbox/sums-{slug(one.id)}.zip"))
    assert found == one or found.problem  # in doubt, nobody: two ids may need one file name
    assert found.problem in ("", "not on the roster") or found.problem.startswith("may be ")


@pytest.fixture
def read(tmp_path):
    def read(data):
        path = tmp_path / "roster.csv"
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return list(read_roster(path).students)

    return read


def test_columns_come_in_any_order_and_case_and_may_be_others(read):
    text = "\ufeffE-Mail,Shoe size, NAME ,SIS user id,ID\r\n"
    text += 'a@x.edu,41,"Lovelace, Ada",S-1, ada \r\n\r\n'
    assert read(text) == [Student("ada", "Lovelace, Ada", email="a@x.edu", sis_user_id="S-1")]


def test_a_gradebook_of_canvas_is_a_roster(read):
    text = (
        "Student,ID,SIS User ID,SIS Login ID,Section,Sums (12)\n"
        "    Points Possible,,,,,100\n"
        '"Lovelace, Ada",1815,S-1,al1,A,\n'
    )
    assert read(text) == [Student("1815", "Lovelace, Ada", "A", "", "1815", "S-1", "al1")]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no column is called id"),
        ("name,mail\nAda,x\n", "no column is called id"),
        ("id;name\nada;Ada\n", "commas part columns"),
        ("id,name\n", "names no student"),
        ("id,name\nada,Ada\n,Bob\n", "line 3: the id '' is missing"),
        ("id\nada\nbob\nADA\n", "line 4: the id 'ADA' is there already"),
        (b"id,name\nada,\xff\n", "utf-8"),
        ('id,name\nada,"Ada\n', "roster.csv: "),
    ],
)
def test_a_mistake_is_told_with_its_place(read, text, told):
    with pytest.raises(LabError) as error:
        read(text)
    assert told in str(error.value) and "roster.csv" in str(error.value)
