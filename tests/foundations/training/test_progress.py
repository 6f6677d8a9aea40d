"""The bar: every step once, and nothing written unless somebody is looking."""

import io
from itertools import islice

import pytest

from mlsys.foundations.training.progress import bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
@pytest.mark.parametrize("steps", [range(0), range(5), range(3, 9)])
def test_each_step_comes_once(stream: io.StringIO, steps: range) -> None:
    assert list(bar("run", steps, stream)) == list(steps)


def test_silent_unless_a_terminal_looks_on() -> None:
    quiet, seen = io.StringIO(), Terminal()
    list(bar("a run", range(3), quiet))
    list(bar("a run", range(3), seen))
    assert quiet.getvalue() == ""
    assert "a run" in seen.getvalue()
    assert list(islice(bar("a run", range(9), Terminal()), 2)) == [0, 1]
