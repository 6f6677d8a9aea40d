"""What a lab's checks.py is written with: ``@check``, ``Wrong``, ``Score``, ``close`` and others.

    @check(task="walk", points=4, title="visits each node once", hint="...", section="...")
    def visits_each_node_once(student, rng):
        order = typed(student.run("order_of", edges), list[int], "the order")
        assert sorted(order) == [0, 1, 2], f"expected each of 0, 1, 2 once, got {order}"

A check returns None for all its points or a `Score` for some; `Wrong`, a failed assertion or
a `StudentError` mean none. Any other exception is a fault of the check itself.
"""

from __future__ import annotations

import importlib
import sys
import types
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from autograder.lab import Lab, LabError
from autograder.student import StudentError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from autograder.student import Student

    Body = Callable[[Student, np.random.Generator], "Score | None"]

T = TypeVar("T")


class Wrong(Exception):
    """The answer is not right; the message is what the student reads."""


@dataclass(frozen=True)
class Score:
    """Part of a check's points. fraction: between 0 and 1; message: what is missing."""

    fraction: float
    message: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.fraction <= 1:  # false for NaN too
            raise ValueError(f"a score is a fraction between 0 and 1, not {self.fraction}")


@dataclass(frozen=True)
class Check:
    """A check function and what is said about it."""

    name: str
    task: str
    points: int
    title: str
    hint: str
    section: str
    body: Body
    needs: str = ""
    hidden: bool = False


def check(
    *, task: str, points: int, title: str, hint: str = "", section: str = "", needs: str = ""
) -> Callable[[Body], Body]:
    """Mark a function ``body(student, rng)`` as a check of ``task`` worth ``points``.

    needs: an earlier check, without whose points this one is not run.
    """

    def register(body: Body) -> Body:
        name = body.__name__
        body.check = Check(name, task, points, title, hint, section, body, needs)  # type: ignore[attr-defined]
        return body

    return register


def each_alike(
    cases: Iterable[T],
    judge: Callable[[T], Score | None],
    tally: str,
    named: Callable[[T], str] | None = None,
) -> Score | None:
    """The same part of the points for each case, of which ``judge`` says what a check's body would.

    An error that the student's code raises costs its own case alone, and is told under the name of
    the case; where the code is not written, or out of time, all cases would fare alike, and the
    check ends. tally: behind the first fault, with the numbers {right} and {count}.
    """
    scores = []
    for case in cases:
        try:
            scores.append(judge(case) or Score(1.0))
        except Wrong as wrong:
            scores.append(Score(0.0, str(wrong)))
        except StudentError as error:
            if error.reason != "error":
                raise
            scores.append(Score(0.0, f"{named(case)}: {error}" if named else str(error)))
    faults = [score.message for score in scores if score.message]
    if not faults:
        return None
    told = tally.format(right=len(scores) - len(faults), count=len(scores))
    return Score(sum(score.fraction for score in scores) / len(scores), faults[0] + told)


def load_checks(lab: Lab) -> list[Check]:
    """The checks of a lab, in the order in which they are written; the instructor's own last."""
    if not (lab.folder / "checks.py").exists():
        raise LabError(f"{lab.name} has no checks.py")
    found = _checks_in(lab.folder, f"_lab_{lab.name}")
    if lab.hidden:
        own = _checks_in(lab.hidden, f"_hidden_{lab.name}")
        found += [replace(each, hidden=True) for each in own]
    _check_checks(lab, found)
    return found


def _checks_in(folder: Path, package: str) -> list[Check]:
    """Those of the folder's checks.py, which may import the other judges beside it."""
    for loaded in [other for other in sys.modules if other.partition(".")[0] == package]:
        del sys.modules[loaded]  # of another folder of this name, or of an older text
    parent = sys.modules[package] = types.ModuleType(package)
    parent.__path__ = [str(folder)]
    importlib.invalidate_caches()
    module = importlib.import_module(".checks", package)
    return [value.check for value in vars(module).values() if _is_check(value)]


def _is_check(value: object) -> bool:
    return isinstance(getattr(value, "check", None), Check)


def _check_checks(lab: Lab, checks: list[Check]) -> None:
    tasks = {task.name for task in lab.tasks}
    if not checks:
        raise LabError(f"{lab.name}: checks.py has no function under @check")
    names = [each.name for each in checks]
    for place, each in enumerate(checks):
        if names.count(each.name) > 1:
            raise LabError(f"{lab.name}: there are several checks called {each.name}")
        if each.needs and each.needs not in names[:place]:
            raise LabError(f"{lab.name}: {each.name} needs {each.needs!r}, no check before it")
        if each.task not in tasks:
            raise LabError(f"{lab.name}: {each.name} names the task {each.task!r}, not in lab.toml")
        if not isinstance(each.points, int) or each.points < 1:
            raise LabError(f"{lab.name}: {each.name} should have whole points, not {each.points!r}")


def typed(value: Any, kind: Any, what: str = "the answer") -> Any:
    """``value``, if it is a ``kind``; otherwise `Wrong`, which says what came.

    kind: bool, int, float, str, bytes, None, np.ndarray, list[...], dict[str, ...] or a union.
    An int serves as a float; a bool does not serve as an int.

    >>> typed([1, 2], list[int])
    [1, 2]
    >>> typed(None, list[int], "the order")
    Traceback (most recent call last):
    autograder.checks.Wrong: the order should be list[int], got None
    """
    if not _is_a(value, kind):
        name = kind.__name__ if isinstance(kind, type) and not typing.get_args(kind) else kind
        raise Wrong(f"{what} should be {name}, got {_brief(value)}")
    return value


def _is_a(value: Any, kind: Any) -> bool:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return any(_is_a(value, one) for one in arguments)
    if origin is list:
        return type(value) is list and all(_is_a(item, arguments[0]) for item in value)
    if origin is dict:
        return type(value) is dict and all(_is_a(item, arguments[1]) for item in value.values())
    if kind is None or kind is float:
        return value is None if kind is None else type(value) in (int, float)
    return type(value) is kind


def close(
    got: Any, want: Any, *, rtol: float = 1e-6, atol: float = 0.0, what: str = "the answer"
) -> None:
    """Raise `Wrong` unless numbers or arrays agree in kind, shape and value.

    Elements agree when |got - want| <= atol + rtol |want|. NaN agrees only with NaN, infinity
    with the same infinity. Nested lists are compared as arrays.
    """
    import numpy as np

    actual, wanted = _as_array(got, what), np.asarray(want)
    if actual.shape != wanted.shape:
        raise Wrong(f"{what} should have shape {wanted.shape}, got {actual.shape}")
    if actual.size and not _fits(actual.dtype, wanted.dtype):
        raise Wrong(f"{what} should have dtype {wanted.dtype}, got {actual.dtype}")
    agree = np.isclose(actual, wanted, rtol=rtol, atol=atol, equal_nan=True)
    if not agree.all():
        raise Wrong(_first_difference(actual, wanted, agree, what))


def _as_array(value: Any, what: str) -> np.ndarray:
    import numpy as np

    try:
        array = np.asarray(value)
    except ValueError:
        raise Wrong(f"{what} should be a regular array, got lists of different lengths") from None
    if array.dtype.kind not in "biufc":
        raise Wrong(f"{what} should be numbers, got {_brief(value)}")
    return array


def _fits(got: np.dtype, want: np.dtype) -> bool:
    """Whether each number of dtype ``got`` is one of the kind of ``want``; a bool is no number."""
    import numpy as np

    widest = {"b": "?", "i": "i8", "u": "u8", "f": "f8", "c": "c16"}[want.kind]
    return (got.kind == "b") == (want.kind == "b") and np.can_cast(got, widest, "safe")


def _first_difference(got: np.ndarray, want: np.ndarray, agree: np.ndarray, what: str) -> str:
    import numpy as np

    if not got.ndim:
        return f"{what} should be {want}, got {got}"
    index = tuple(int(i) for i in np.argwhere(~agree)[0])
    place = str(index[0]) if len(index) == 1 else str(index)
    count = f"{int((~agree).sum())} of {agree.size} elements differ"
    return f"{what}: expected {want[index]} at index {place}, got {got[index]} ({count})"


def _brief(value: Any) -> str:
    """A short text for any plain value."""
    if type(value) in (list, dict, str, bytes) and len(value) > 20:
        return f"a {type(value).__name__} of length {len(value)}"
    try:
        text = repr(value)
    except ValueError:  # Python prints no int of more than 4,300 digits
        return f"a {type(value).__name__} with a number too long to print"
    return text if len(text) <= 80 else f"{text[:77]}..."
