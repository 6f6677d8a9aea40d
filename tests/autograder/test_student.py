"""What a check sees of a submission over several calls, and over a restart."""

import pytest

from autograder.sandbox import Sandbox
from autograder.student import Student, StudentError

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


COUNTER = b"""
class Counter:
    def __init__(self, start, step=1):
        self.value, self.step = start, step

    def up(self, times=1):
        self.value += self.step * times
        return self.value

    def _hidden(self):
        return object()
"""


@pytest.fixture(scope="module")
def counting(shared_lab):
    with Sandbox(shared_lab) as sandbox:
        student = Student({"sums.py": COUNTER}, sandbox)
        yield student
        student.close()


def test_an_object_keeps_its_state_from_call_to_call(counting):
    first, second = counting.new("Counter", 10), counting.new("Counter", 0, step=5)
    assert [first.call("up"), second.call("up", times=2), first.call("up")] == [11, 10, 12]


def test_an_object_is_never_seen_itself(counting):
    with pytest.raises(StudentError, match="type object is not plain data"):
        counting.new("Counter", 1).call("_hidden")


def test_what_is_missing_is_named(counting):
    with pytest.raises(StudentError, match="no function Clock"):
        counting.new("Clock")
    with pytest.raises(StudentError, match=r"no function Counter.down"):
        counting.new("Counter", 1).call("down")


def test_an_object_is_gone_after_a_restart(shared_lab):
    with Sandbox(shared_lab) as sandbox:
        student = Student({"sums.py": COUNTER}, sandbox)
        counter = student.new("Counter", 1)
        student.restart()
        with pytest.raises(StudentError, match="IndexError"):
            counter.call("up")
        student.close()
