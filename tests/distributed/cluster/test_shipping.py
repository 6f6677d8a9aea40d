"""Programs, values and errors between processes: what leaves arrives, or says why it cannot."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from typing import Any

import pytest

from mlsys.distributed.cluster import SimulatedCluster, shipping
from mlsys.distributed.cluster.calls import Raised
from mlsys.distributed.cluster.communicator import ClusterError, RankFailed


def test_a_function_made_on_the_spot_arrives_with_what_it_holds() -> None:
    held = {"x": 3}
    data = shipping.pack(lambda comm, y: held["x"] + y, (4,))
    program, arguments = shipping.unpack(data)
    held["x"] = 0
    assert program(None, *arguments) == 7


def test_a_traceback_far_away_shows_the_lines_written_here() -> None:
    def program(comm: Any) -> float:
        return 1 / comm

    there, _ = shipping.unpack(shipping.pack(program, ()))
    assert there is not program
    error = caught(lambda: there(0))
    assert "return 1 / comm" in shipping.traceback_of(error)


def test_modules_are_found_where_the_sender_finds_them(monkeypatch: pytest.MonkeyPatch) -> None:
    here = list(sys.path)
    monkeypatch.setattr(sys, "path", [*here, "/a/folder/of/the/sender"])
    data = shipping.pack(print, ())
    monkeypatch.setattr(sys, "path", here)
    shipping.unpack(data)
    assert sys.path[-1] == "/a/folder/of/the/sender"


def test_what_cannot_travel_is_named() -> None:
    with pytest.raises(TypeError, match="an argument cannot travel between processes"):
        shipping.pack(print, ((i for i in range(3)),))
    with pytest.raises(TypeError, match="what the rank returned cannot travel"):
        shipping.pack_value(sys._getframe())


class Picky(Exception):
    """It leaves, and cannot be put together again where it arrives."""

    def __reduce__(self) -> Any:
        return int, ("no number",)


def caught(call: Callable[[], Any]) -> BaseException:
    try:
        call()
    except BaseException as error:
        return error
    raise AssertionError("expected an error")


def fail(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (KeyError("k"), KeyError, "'k'"),
        (RankFailed("rank 3 is dead", (3,)), RankFailed, "rank 3 is dead"),
        (Picky("1 and 2"), ClusterError, "Picky: 1 and 2"),  # would not come out of a pickle
        (ValueError(sys._getframe()), ClusterError, "ValueError: <frame"),
    ],
)
def test_an_error_comes_home_itself_or_as_text(
    error: BaseException, kind: type[BaseException], text: str
) -> None:
    raised = pickle.loads(shipping.pack_error(caught(lambda: fail(error))))
    home, told = raised.error, raised.text
    assert type(home) is kind
    assert text in str(home)
    assert "in fail" in told
    assert getattr(home, "ranks", ()) == getattr(error, "ranks", ())


def test_a_traceback_shows_the_program_and_not_the_machinery() -> None:
    def program(comm: Any) -> None:
        comm.Send([1, 2], comm.rank)

    error = caught(lambda: SimulatedCluster(1).run(program))
    text = shipping.traceback_of(error.errors[0])  # type: ignore[attr-defined]
    assert "comm.Send([1, 2], comm.rank)" in text
    assert "endpoint.py" not in text and "simulated.py" not in text


def test_one_error_speaks_for_all() -> None:
    errors = {2: ValueError("no"), 0: KeyError("k"), 3: ValueError("no")}
    raised = {rank: Raised(error, f"text of {rank}") for rank, error in errors.items()}
    failed = shipping.program_failed(raised)
    assert failed.errors == errors
    assert str(failed) == "rank 2 raised ValueError: no (and so did ranks 0, 3)\n\ntext of 2"


def test_without_cloudpickle_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'mlsys\["):
        shipping.pack(print, ())
