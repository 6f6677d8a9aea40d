"""The rank's side of a process: frames, calls with their lines, and a program's life."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from mlsys.distributed.cluster import process_rank, shipping
from mlsys.distributed.cluster.calls import Compute
from mlsys.distributed.cluster.process_rank import RAISED, READY, RETURNED, Caller, Frames


@pytest.fixture
def ends() -> Iterator[tuple[Frames, Frames]]:
    mine, theirs = (Frames(each) for each in socket.socketpair())
    yield mine, theirs
    mine.close()
    theirs.close()


def test_frames_bring_objects_of_any_size_in_order(ends: tuple[Frames, Frames]) -> None:
    mine, theirs = ends
    items = [None, b"", b"x" * 3_000_000, {"a": [1.5, "ü"]}]
    sender = threading.Thread(target=lambda: [mine.put(item) for item in items])
    sender.start()
    assert [theirs.get() for _ in items] == items
    sender.join()


def test_what_is_no_frame_is_refused_and_an_end_is_noticed(ends: tuple[Frames, Frames]) -> None:
    mine, theirs = ends
    mine.connection.sendall(struct.pack("!4sQ", b"junk", 1 << 60))
    with pytest.raises(
        ValueError, match=r"expected a frame, which begins with b'rank', got b'junk'"
    ):
        theirs.get()
    mine.connection.sendall(process_rank.HEADER.pack(process_rank.MARK, 100) + b"half")
    mine.connection.shutdown(socket.SHUT_RDWR)
    with pytest.raises(EOFError):
        theirs.get()


def test_a_call_goes_out_with_the_line_of_the_program(ends: tuple[Frames, Frames]) -> None:
    mine, theirs = ends
    theirs.put((2.5, "value"))
    assert Caller(mine)(Compute(1.0)) == (2.5, "value")
    call, line = theirs.get()
    assert call == Compute(1.0)
    assert line.startswith("test_process_rank.py:")
    assert line.endswith("in test_a_call_goes_out_with_the_line_of_the_program")


def live(ends: tuple[Frames, Frames], program: Any, *arguments: Any) -> tuple[Any, str]:
    mine, theirs = ends
    theirs.put((1, 3, shipping.pack(program, arguments)))
    theirs.put((0.5, None))
    outcome = process_rank.run(mine)
    assert theirs.get() == (READY, "")
    return outcome


def test_a_rank_knows_who_it_is_and_returns_its_value(ends: tuple[Frames, Frames]) -> None:
    data, kind = live(ends, lambda comm, word: (comm.rank, comm.size, comm.now(), word), "hello")
    assert kind == RETURNED
    assert shipping.pickle.loads(data) == (1, 3, 0.5, "hello")


@pytest.mark.parametrize("error", [KeyError, SystemExit, KeyboardInterrupt])
def test_whatever_a_program_raises_is_told(
    ends: tuple[Frames, Frames], error: type[BaseException]
) -> None:
    def program(comm: Any) -> None:
        raise error("why")

    data, kind = live(ends, program)
    told = shipping.pickle.loads(data)
    raised, text = told.error, told.text
    assert kind == RAISED
    assert type(raised) is error
    assert "why" in text


def test_where_the_kernel_does_not_watch_the_rank_does(monkeypatch: pytest.MonkeyPatch) -> None:
    parents, ended = iter([7, 7, 1]), []
    monkeypatch.setattr(process_rank.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(process_rank.os, "getppid", lambda: next(parents))
    monkeypatch.setattr(process_rank.os, "_exit", ended.append)
    process_rank.watch(7)
    assert ended == [1]
