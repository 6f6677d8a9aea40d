"""Which message meets which receive, against a slow list that says MPI's rule in words."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.cluster.calls import Incoming, Outgoing, Probe
from mlsys.distributed.cluster.communicator import ANY_SOURCE, ANY_TAG
from mlsys.distributed.cluster.mailbox import Mailbox


def message_for(wanted):
    made = Outgoing(0, wanted.context, 9, wanted.tag, "object", b"")
    made.source = wanted.source
    return made


class Slow:
    """Receives and messages in two lists, looked through from the beginning each time."""

    def __init__(self):
        self.receives, self.messages, self.early = [], [], []

    def fits(self, wanted, message):
        return (
            wanted.context == message.context
            and wanted.source in (message.source, ANY_SOURCE)
            and (wanted.tag == message.tag or (wanted.tag == ANY_TAG and message.tag >= 0))
        )

    def would_take(self, earlier, wanted):
        return earlier not in self.early and self.fits(earlier, message_for(wanted))

    def receive(self, wanted):
        """An exact one may be promised a message early, if none waits to see whether it arrives."""
        exact = wanted.source != ANY_SOURCE and wanted.tag != ANY_TAG
        if exact and not any(self.would_take(each, wanted) for each in self.receives):
            for message in self.messages:
                if self.fits(wanted, message):
                    self.messages.remove(message)
                    return message
            self.early.append(wanted)
        self.receives.append(wanted)
        return None

    def put(self, message):
        for wanted in self.early:
            if self.fits(wanted, message):
                self.receives.remove(wanted)
                self.early.remove(wanted)
                return wanted
        self.messages.append(message)
        return None

    def settle(self, now):
        matched = []
        for wanted in [each for each in self.receives if each not in self.early]:
            there = [m for m in self.messages if self.fits(wanted, m) and m.arrival <= now]
            if there:
                first = min(there, key=lambda m: m.arrival)  # of equals the first in the list
                self.receives.remove(wanted)
                self.messages.remove(first)
                matched.append((wanted, first))
        return matched


contexts, tags = st.sampled_from(["world", "half"]), st.integers(0, 2)
events = st.one_of(
    st.tuples(st.just("put"), contexts, st.integers(0, 2), st.integers(-2, 2), st.integers(0, 3)),
    st.tuples(st.just("receive"), contexts, st.integers(-1, 2), st.integers(-2, 2), st.just(0)),
    st.tuples(st.just("settle"), contexts, st.just(0), st.just(0), st.integers(0, 3)),
)


@given(st.lists(events, max_size=60))
def test_the_tables_match_as_the_slow_list_does(plan):
    box, slow, now = Mailbox(), Slow(), 0
    latest: dict[tuple[str, int, int], int] = {}
    for kind, context, source, tag, delay in plan:
        if kind == "put" and tag != ANY_TAG:
            message = Outgoing(0, context, 9, tag, "object", b"")
            message.source = source
            key = (context, source, tag)  # those of one key arrive in the order of sending
            message.arrival = latest[key] = max(now + delay, latest.get(key, 0))
            assert box.put(message) is slow.put(message)
        elif kind == "receive":
            wanted = Incoming(0, context, source, tag)
            assert box.receive(wanted) is slow.receive(wanted)
            assert box.settle(now) == slow.settle(now)
        else:
            now += delay
            assert box.settle(now) == slow.settle(now)
    assert set(box.left()) == set(slow.messages)


def message(source=0, tag=0, arrival=0.0, context="world"):
    made = Outgoing(0, context, 9, tag, "object", b"")
    made.source, made.arrival = source, arrival
    return made


@given(st.permutations(range(8)))
def test_messages_that_arrive_together_are_taken_in_the_order_of_sending(order):
    box, sent = Mailbox(), [message(n % 2, n // 4, 1.0) for n in order]
    for each in sent:
        box.put(each)
    taken = []
    for _ in sent:
        box.receive(Incoming(0, "world", ANY_SOURCE, ANY_TAG))
        taken += [found for _, found in box.settle(1.0)]
    assert taken == sent


def test_a_message_that_has_not_arrived_is_not_seen():
    box = Mailbox()
    late, early = message(0, arrival=5.0), message(1, arrival=3.0)
    box.put(late)
    box.put(early)
    anyone = Probe("world", ANY_SOURCE, ANY_TAG, False)
    assert box.first(anyone, 2.9) is None
    assert box.first(anyone, 9.0) is early
    assert box.first(Probe("world", 0, 0, False), 4.9) is None
    assert box.first(Probe("other", ANY_SOURCE, ANY_TAG, False), 9.0) is None
    assert set(box.left()) == {late, early}, "a probe takes nothing"


def test_a_receive_that_is_given_up_takes_nothing():
    for source in (0, ANY_SOURCE):
        box, wanted = Mailbox(), Incoming(0, "world", source, 0)
        box.receive(wanted)
        box.forget(wanted)
        box.forget(wanted)
        sent = message()
        assert box.put(sent) is None
        assert box.settle(0.0) == []
        assert box.left() == [sent]


def test_with_sender_and_tag_given_the_cost_does_not_grow_with_what_waits():
    class Counting(dict):
        looks = 0

        def get(self, *key):
            Counting.looks += 1
            return super().get(*key)

    looks = []
    for waiting in (10, 1000):
        box = Mailbox()
        box.messages = Counting(box.messages)
        for n in range(waiting):
            box.put(message(source=n))
        Counting.looks = 0
        assert box.receive(Incoming(0, "world", waiting // 2, 0)) is not None
        looks.append(Counting.looks)
    assert looks[0] == looks[1] == 1


def test_what_has_been_taken_leaves_nothing_behind():
    box = Mailbox()
    for tag in range(100):
        box.put(message(tag=tag))
        box.receive(Incoming(0, "world", 0, tag))
        box.receive(Incoming(0, f"world/{tag}", 1, 0))
        box.put(message(source=1, context=f"world/{tag}"))
        box.receive(given_up := Incoming(0, "world", 2, tag))
        box.forget(given_up)
    assert not (box.messages or box.exact or box.open)
