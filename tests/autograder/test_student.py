"""What a check sees of a submission over several calls, and over a restart."""

import pytest

from autograder.sandbox import Sandbox
from autograder.student import Student

pytestmark = pytest.mark.multiprocess

REMEMBERS = b"""
told = []

def tell(number):
    told.append(number)
    print("told", number)
    open("note", "a").write(str(number))
    return [*told, open("note").read()]
"""


def test_a_restart_forgets_all_but_what_was_printed(shared_lab):
    with Sandbox(shared_lab) as sandbox:
        student = Student({"sums.py": REMEMBERS}, sandbox)
        assert student.call("tell", 1) == [1, "1"]
        assert student.call("tell", 2) == [1, 2, "12"]
        student.restart()
        student.restart()
        assert student.call("tell", 3) == [3, "3"]
        student.close()
        assert student.printed()[1].split("\n")[:3] == ["told 1", "told 2", "told 3"]
