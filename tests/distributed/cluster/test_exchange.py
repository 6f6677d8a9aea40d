"""The exchange, call by call: what a rank waits for, what it gets, and in which order."""

from __future__ import annotations

import math
from typing import Any

import pytest

from mlsys.distributed.cluster import calls
from mlsys.distributed.cluster.calls import (
    Arrived,
    Call,
    Failure,
    Incoming,
    Outgoing,
    Probe,
    Revoke,
    Shrink,
    Step,
)
from mlsys.distributed.cluster.communicator import ANY_SOURCE, ANY_TAG
from mlsys.distributed.cluster.exchange import OVERHEAD, PENDING, Exchange, Seat
from mlsys.distributed.cluster.faults import Faults
from mlsys.distributed.cluster.untrusted import Malformed


def sending(dest: int, payload: bytes = b"x", tag: int = 0, request: int = 0) -> Outgoing:
    return Outgoing(request, "world", dest, tag, "|u1", payload)


def wanting(source: int = ANY_SOURCE, tag: int = ANY_TAG, request: int = 0) -> Incoming:
    return Incoming(request, "world", source, tag)


class Table(Exchange):
    """An exchange that is asked for the value at once."""

    def do(self, rank: int, call: Call, now: float = 0.0) -> Any:
        self.take(rank, call, now)
        return self.ranks[rank].value

    def send(self, rank: int, dest: int, payload: bytes = b"x", tag: int = 0) -> Any:
        return self.do(rank, Step((sending(dest, payload, tag),)))

    def receive(self, rank: int, source: int = ANY_SOURCE, tag: int = ANY_TAG) -> Any:
        return self.do(rank, Step((), (wanting(source, tag),)))

    def value(self, rank: int) -> Any:
        return self.ranks[rank].value


def payloads(value: Any) -> list[bytes | None]:
    return [arrived and arrived.payload for arrived in value]


def test_a_receive_waits_for_its_message_and_an_eager_send_for_nobody() -> None:
    table = Table(2)
    assert table.receive(1, source=0) is PENDING
    assert table.send(0, 1, b"hello", tag=3) == (None,)
    assert table.value(1) == (Arrived(0, 3, "|u1", 5, b"hello"),)
    assert set(table.freed) == {0, 1}


def test_receives_that_fit_get_messages_in_the_order_in_which_they_were_made() -> None:
    table = Table(2)
    requests = (wanting(request=1), wanting(source=0, tag=5, request=2), wanting(request=3))
    table.do(1, Step((), requests, ()))
    for payload, tag in ((b"a", 5), (b"b", 4), (b"c", 5)):
        table.send(0, 1, payload, tag)
    assert payloads(table.do(1, Step((), (), (3, 2, 1)))) == [b"b", b"c", b"a"]


def test_a_send_above_the_limit_ends_when_it_is_received() -> None:
    table = Table(2, eager=3)
    assert table.send(0, 1, b"four") is PENDING
    assert payloads(table.receive(1)) == [b"four"]
    assert table.value(0) == (None,)


def test_the_buffer_is_free_again_after_a_receive_and_no_receive_needs_it() -> None:
    table = Table(3, buffer=4)
    assert table.send(0, 1, b"four") == (None,)
    assert table.send(2, 1, b"x") is PENDING
    table.receive(1, source=0)
    assert table.value(2) is PENDING  # its own message waits to be asked for
    assert table.send(0, 1, b"four") == (None,)
    table.receive(1, source=2)
    assert table.value(2) == (None,)


def test_what_is_sent_is_not_kept_for_a_sender_that_never_asks() -> None:
    table = Table(2, eager=3)
    messages = sending(1, b"abc", request=1), sending(1, b"longer", request=2)
    table.do(0, Step(messages, (), ()))
    assert [each.done for each in table.ranks[0].requests.values()] == [0.0, None]
    for _ in range(2):
        table.receive(1)
    assert {each.nbytes for each in table.ranks[0].requests.values()} == {0}
    assert table.do(0, Step((), (), (2, 1))) == (None, None)


def test_tests_and_probes_do_not_wait() -> None:
    table = Table(2)
    table.do(1, Step((), (wanting(request=1),), ()))
    assert table.do(1, calls.Test(1)) == (False, None)
    table.send(0, 1, b"one")
    assert table.do(1, calls.Test(1)) == (True, Arrived(0, 0, "|u1", 3, b"one"))
    assert table.do(1, Probe("world", 0, ANY_TAG, False)) is None
    table.send(0, 1, b"two")
    for _ in range(2):
        assert table.do(1, Probe("world", 0, ANY_TAG, True)) == Arrived(0, 0, "|u1", 3, b"")
    assert payloads(table.receive(1)) == [b"two"]


def test_a_late_message_comes_at_its_time_and_keeps_its_place() -> None:
    delays = iter([0.5, 0.1])
    table = Table(2, Faults(delay=lambda rng: next(delays)))
    table.do(0, Step((sending(1, b"first"), sending(1, b"second"))), now=1.0)
    assert table.next_arrival == 1.5
    assert table.receive(1) is PENDING
    table.advance(1.49)
    assert table.value(1) is PENDING
    assert table.stuck() == ""
    table.advance(1.5)
    assert payloads(table.value(1)) == [b"first"]
    assert payloads(table.receive(1)) == [b"second"]
    assert table.next_arrival == math.inf


def test_one_death_is_told_once_whichever_call_tells_it() -> None:
    table = Table(3)
    assert table.receive(0, source=2) is PENDING
    table.bury(2)
    assert table.value(0) == Failure(
        "rank 0 waited for a message from rank 2 (any tag): rank 2 is dead", (2,)
    )
    assert table.receive(0) is PENDING  # from anyone: it knows
    assert isinstance(table.receive(1), Failure)
    assert table.receive(1) is PENDING


def test_a_failed_receive_takes_no_later_message() -> None:
    table = Table(3)
    table.do(0, Step((), (wanting(request=1),), ()))
    table.bury(2)
    assert isinstance(table.do(0, Step((), (), (1,))), Failure)
    table.send(1, 0, b"for the next")
    assert payloads(table.receive(0)) == [b"for the next"]


def test_polls_of_the_dead_fail_too() -> None:
    table = Table(2)
    table.do(0, Step((sending(1, request=1),), (wanting(1, request=2),), ()))
    table.bury(1)
    assert isinstance(table.do(0, calls.Test(2)), Failure)
    assert isinstance(table.do(0, Probe("world", 1, 0, False)), Failure)
    assert table.do(0, calls.Test(1)) == (True, None)  # it had left before
    assert isinstance(table.send(0, 1), Failure)


def test_a_revoked_communicator_takes_no_call_and_another_does() -> None:
    table = Table(2)
    table.do(0, Step((), (wanting(1, request=1),), ()))
    assert table.receive(1, source=0) is PENDING
    assert table.do(0, Revoke("world")) is None
    for value in (
        table.value(1),
        table.send(1, 0),
        table.do(0, calls.Test(1)),
        table.do(0, Probe("world", 1, 0, False)),
    ):
        assert isinstance(value, Failure) and value.revoked
    other = Outgoing(0, "other", 1, 0, "|u1", b"y")
    assert table.do(0, Step((other,))) == (None,)


def test_shrink_is_answered_when_all_who_live_have_asked() -> None:
    table = Table(4)
    shrink = Shrink("world", (3, 2, 1, 0))
    assert table.do(3, shrink) is PENDING
    assert table.do(0, shrink) is PENDING
    table.bury(1)
    assert table.do(2, shrink) == (3, 2, 0)
    assert table.value(3) == table.value(0) == (3, 2, 0)
    assert table.receive(0) is PENDING  # all know of the death they agreed on


def test_stuck_says_who_waits_for_whom() -> None:
    table = Table(3)
    table.receive(0, source=1)
    assert table.stuck() == ""
    table.do(1, Shrink("world", (0, 1, 2)))
    table.dismiss(2)
    assert "rank 1 waits for the rest of the living to Shrink" in table.stuck()
    assert "rank 2, for which rank 1 waits, has returned" in table.stuck()


@pytest.mark.parametrize(
    "call",
    [
        calls.Test(1),
        Step((), (), (1,)),
        Step((sending(1, request=5),), (), ()),
        Step((sending(1, request=6),), (), (7,)),
    ],
)
def test_numbers_of_requests_are_new_or_known(call: Call) -> None:
    table = Table(2)
    table.do(0, Step((), (wanting(request=5),), ()))
    with pytest.raises(Malformed, match="no such requests, or used before"):
        table.take(0, call, 0.0)
    assert table.do(0, calls.Test(5)) == (False, None)


def test_room_is_for_what_nobody_has_received() -> None:
    table = Table(2, room=2 * (100 + OVERHEAD))
    for _ in range(5):
        table.send(0, 1, b"x" * 100)
        table.receive(1)
    table.send(0, 1, b"x" * 100)
    table.send(0, 1, b"x" * 100)
    with pytest.raises(Malformed, match="has sent, and nobody has received"):
        table.send(0, 1)


def test_a_step_may_wait_for_what_it_starts_and_for_what_is_known() -> None:
    seat = Seat(0)
    seat.requests[4] = Incoming(4, "world", 1, 0)
    seat.admit(Step((Outgoing(5, "world", 1, 0, "|u1", b""),), (), (4, 5)), room=OVERHEAD * 2)
    seat.admit(calls.Test(4), room=OVERHEAD)
    with pytest.raises(Malformed, match="need 3,000 bytes, more than 2,999"):
        seat.admit(Step((Outgoing(5, "world", 1, 0, "|u1", b""),), (), ()), room=OVERHEAD * 2 - 1)
    with pytest.raises(Malformed, match="no such requests"):
        seat.admit(calls.Test(5), room=OVERHEAD)
