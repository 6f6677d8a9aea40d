"""The words that checks are written with."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder import Score, StudentError, Wrong, check, close, each_alike, typed
from autograder.checks import load_checks
from autograder.grade import grade_source
from autograder.lab import LabError, load_lab, with_hidden
from autograder.sandbox import Sandbox
from autograder.starter import answer_source


def accepted(*arguments, **keywords):
    try:
        close(*arguments, **keywords)
    except Wrong:
        return False
    return True


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(0, 1), st.floats(0, 1))
def test_close_is_the_bound_that_its_docstring_states(want, rtol, atol):
    for got in (want, want * (1 + rtol / 2) + atol / 2, want * (1 + 3 * rtol) + 3 * atol + 1):
        expected = bool(np.abs(got - want) <= atol + rtol * np.abs(want))
        assert accepted(got, want, rtol=rtol, atol=atol) == (expected or got == want)


@pytest.mark.parametrize(
    "got, want, agree",
    [
        (1, 1.0, True),  # an int is a good float
        (1.0, 1, False),  # a float is no int
        (True, 1, False),
        (1, True, False),
        (1j, 1.0, False),
        (float("nan"), 1.0, False),
        (1.0, float("nan"), False),
        (float("nan"), float("nan"), True),
        (float("inf"), float("inf"), True),
        (float("inf"), float("-inf"), False),
        ([1, 2], [1.0, 2.0], True),
        ([], [], True),
        ([1.0], [1.0, 1.0], False),
        ([[1.0]], [1.0], False),
        (1.0, [1.0], False),
        ([[1.0], [1.0, 2.0]], [1.0], False),
        (None, 1.0, False),
        ("1.0", 1.0, False),
        ({"a": 1}, 1.0, False),
        (b"1", 1.0, False),
        ([None], [1.0], False),
        (10**400, 1.0, False),
        (np.ones(3, "f4"), np.ones(3), True),
        (np.ones((3, 1)), np.ones(3), False),
        (np.ones(3, bool), np.ones(3), False),
    ],
)
def test_close_agrees_on_kind_shape_and_value(got, want, agree):
    assert accepted(got, want) == agree


def test_close_names_the_first_difference():
    want = np.arange(6.0).reshape(2, 3)
    got = want.copy()
    got[1, 0] = -1
    with pytest.raises(
        Wrong, match=r"the gradient: expected 3\.0 at index \(1, 0\), got -1\.0 \(1 of 6"
    ):
        close(got, want, what="the gradient")


@pytest.mark.parametrize(
    "value, kind, fits",
    [
        (3, int, True),
        (True, int, False),
        (3, float, True),
        (True, float, False),
        (None, None, True),
        (None, int | None, True),
        ([1, 2], list[int], True),
        ([1, "2"], list[int], False),
        ([[1.5], []], list[list[float]], True),
        ({"a": 1}, dict[str, int], True),
        ({"a": None}, dict[str, int], False),
        ([], dict[str, int], False),
        (np.zeros(2), np.ndarray, True),
        ([0.0], np.ndarray, False),
        ([np.zeros(1)], list[np.ndarray], True),
        ("x", str | int, True),
        ([1], list, True),
    ],
)
def test_typed_passes_exactly_what_it_names(value, kind, fits):
    if fits:
        assert typed(value, kind) is value
    else:
        with pytest.raises(Wrong, match="the answer should be"):
            typed(value, kind)


def test_typed_cuts_short_what_it_quotes():
    with pytest.raises(Wrong) as caught:
        typed(["x" * 10**6] * 3, list[int], "the order")
    assert len(str(caught.value)) < 200


def test_checks_come_in_the_order_in_which_they_are_written(lab):
    names = [each.name for each in load_checks(lab)]
    assert names == ["sums_random_numbers", "sums_nothing", "multiplies"]


@pytest.mark.parametrize(
    "old, new, complaint",
    [
        ('task="product"', 'task="products"', "names the task 'products'"),
        ("points=60", "points=0", "whole points"),
        ("points=60", "points=1.5", "whole points"),
        ("@check(", "str(dict(", "no function under @check"),
    ],
)
def test_a_mistake_in_checks_is_told_by_name(lab, old, new, complaint):
    path = lab.folder / "checks.py"
    text = path.read_text(encoding="utf-8").replace(old, new)
    path.write_text(text.replace('")\ndef', '"))\ndef') if "str(" in new else text, "utf-8")
    with pytest.raises(LabError, match=complaint):
        load_checks(lab)


def judged(replies):
    """Grade cases 0, 1, ... whose judges return or raise these."""

    def judge(case):
        if isinstance(reply := replies[case], Exception):
            raise reply
        return reply

    return each_alike(range(len(replies)), judge, " ({right} of {count})", lambda n: f"case {n}")


@given(
    st.lists(st.sampled_from([None, Score(1.0), Score(0.25, "some"), Wrong("none")]), min_size=1)
)
def test_each_case_earns_the_same_part_and_the_first_fault_is_told(replies):
    worth = [{"some": 0.25, "none": 0.0}.get(getattr(r, "message", str(r)), 1.0) for r in replies]
    faults = [str(getattr(r, "message", r)) for r, part in zip(replies, worth) if part < 1]
    score = judged(replies)
    if not faults:
        assert score is None
    else:
        right = len(replies) - len(faults)
        assert score.fraction == pytest.approx(sum(worth) / len(worth))
        assert score.message == f"{faults[0]} ({right} of {len(replies)})"


def test_an_error_costs_its_own_case_and_a_time_out_ends_the_check():
    score = judged([None, StudentError("error", "IndexError: pop")])
    assert score == Score(0.5, "case 1: IndexError: pop (1 of 2)")
    for reason in ("missing", "timeout", "memory"):
        with pytest.raises(StudentError) as caught:
            judged([None, StudentError(reason, "no answer")])
        assert caught.value.reason == reason


def add_judge(lab, text):
    """A lab whose checks take an answer from a file of their own."""
    (lab.folder / "oracle.py").write_text(text, "utf-8")
    toml, checks = lab.folder / "lab.toml", lab.folder / "checks.py"
    toml.write_text('judges = ["oracle.py"]\n' + toml.read_text("utf-8"), "utf-8")
    source = checks.read_text("utf-8")
    ours = "from autograder import"
    checks.write_text(source.replace(ours, f"from .oracle import ANSWER\n{ours}", 1), "utf-8")
    return load_lab(lab.folder)


def test_checks_may_import_the_labs_other_judges(lab):
    version = lab.version
    lab = add_judge(lab, "ANSWER = 42\n")
    assert load_checks(lab)[0].body.__globals__["ANSWER"] == 42
    assert [path.name for path in lab.graded].count("oracle.py") == 1
    (lab.folder / "oracle.py").write_text("ANSWER = 43, 'more'\n", "utf-8")
    assert load_checks(lab)[0].body.__globals__["ANSWER"] == (43, "more")
    assert len({version, lab.version, load_lab(lab.folder).version}) == 3, "judges decide on marks"


def test_a_judge_that_is_not_there_is_told_by_name(lab):
    lab = add_judge(lab, "ANSWER = 42\n")
    (lab.folder / "oracle.py").unlink()
    with pytest.raises(LabError, match=r"'oracle\.py' should be a Python file beside checks\.py"):
        load_lab(lab.folder)


def test_a_check_stays_a_plain_function():
    @check(task="t", points=1, title="title")
    def plain(student, rng):
        return None

    assert plain(None, None) is None


NEEDING = """

@check(task="product", points=1, title="doubles", needs="multiplies")
def doubles(student, rng):
    assert student.run("twice", [2]) == 4
"""


def with_checks(lab, more: str):
    path = lab.folder / "checks.py"
    path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")
    return load_lab(lab.folder)


def test_a_check_is_skipped_when_the_one_it_needs_is_missed(lab):
    lab = with_checks(lab, NEEDING)
    zero = answer_source(lab, "def product(numbers):\n    return 0\n")
    skipped = grade_source(lab, zero).checks[-1]
    assert (skipped.reason, skipped.score) == ("skipped", 0)
    assert "multiplies" in skipped.message and not skipped.hint
    assert grade_source(lab, answer_source(lab)).checks[-1].passed


@pytest.mark.parametrize("needs", ["later", "doubles", "nonsense"])
def test_a_check_may_need_only_one_before_it(lab, needs):
    more = NEEDING.replace("multiplies", needs) + NEEDING.replace("doubles", "later")
    with pytest.raises(LabError, match=f"doubles needs '{needs}', no check before it"):
        load_checks(with_checks(lab, more))


def test_two_checks_of_one_name_are_refused(lab, tmp_path):
    own = tmp_path / "own" / lab.name
    own.mkdir(parents=True)
    own.joinpath("checks.py").write_bytes(lab.folder.joinpath("checks.py").read_bytes())
    with pytest.raises(LabError, match="several checks called sums_random_numbers"):
        load_checks(with_hidden(lab, own.parent))


HIDDEN = """
from autograder import check, close

from .numbers import LARGE


@check(task="total", points=10, title="large sums", hint="Floats.")
def sums_large_numbers(student, rng):
    close(student.call("total", [LARGE, 1.0]), LARGE + 1.0, rtol=0)
"""


@pytest.fixture
def hidden(lab, tmp_path):
    """The folder of an instructor's own checks."""
    own = tmp_path / "own" / lab.name
    own.mkdir(parents=True)
    own.joinpath("checks.py").write_text(HIDDEN, encoding="utf-8")
    own.joinpath("numbers.py").write_text("LARGE = 2.0**40\n", encoding="utf-8")
    return own.parent


def test_hidden_checks_come_last_and_are_marked(lab, hidden):
    checks = load_checks(with_hidden(lab, hidden))
    assert [each.hidden for each in checks] == [False] * 3 + [True]
    result = grade_source(with_hidden(lab, hidden), answer_source(lab))
    assert result.checks[-1].hidden and result.score == result.points == 110


def test_hidden_checks_decide_about_the_version(lab, hidden):
    versions = {lab.version, with_hidden(lab, hidden).version}
    hidden.joinpath(lab.name, "numbers.py").write_text("LARGE = 2.0**41\n", encoding="utf-8")
    versions.add(with_hidden(lab, hidden).version)
    assert len(versions) == 3


def test_hidden_checks_are_never_where_a_child_can_look(lab, hidden):
    with Sandbox(with_hidden(lab, hidden)) as sandbox:
        texts = [path.read_bytes() for path in sandbox.stage.rglob("*") if path.is_file()]
    assert texts and not any(b"sums_large_numbers" in text or b"2.0**40" in text for text in texts)


def test_a_folder_without_hidden_checks_is_said_so(lab, tmp_path):
    with pytest.raises(LabError, match=r"checks.py does not exist: the hidden checks of sums"):
        with_hidden(lab, tmp_path)
