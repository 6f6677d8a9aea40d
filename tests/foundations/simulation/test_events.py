"""Events in order, once each, the same on every run; cancelled ones never."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mlsys.foundations.simulation.events import Simulator

times = st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.5]) | st.floats(0, 100), max_size=60)


@given(times)
def test_events_happen_in_the_order_of_time_and_ties_in_the_order_of_scheduling(due):
    simulator, seen = Simulator(), []
    for name, time in enumerate(due):
        simulator.at(time, lambda name: seen.append((simulator.now, name)), name)
    simulator.run()
    assert seen == sorted((time, name) for name, time in enumerate(due))
    assert simulator.ran == len(due) and simulator.pending == 0


@given(times, st.sets(st.integers(0, 59)))
def test_what_is_cancelled_does_not_happen_and_the_rest_does(due, unwanted):
    simulator, seen = Simulator(), []
    events = [simulator.at(time, seen.append, name) for name, time in enumerate(due)]
    unwanted = {name for name in unwanted if name < len(due)}
    assert all(events[name].cancel() for name in unwanted)
    assert not any(events[name].cancel() for name in unwanted)  # a second time changes nothing
    assert simulator.pending == len(due) - len(unwanted)
    simulator.run()
    wanted = [(time, name) for name, time in enumerate(due) if name not in unwanted]
    assert seen == [name for _, name in sorted(wanted)]
    assert not any(event.pending or event.cancel() for event in events)


@given(times, st.lists(st.floats(0, 100), max_size=5).map(sorted))
def test_a_run_cut_into_pieces_is_the_same_run(due, pauses):
    simulator, seen = Simulator(), []
    for name, time in enumerate(due):
        simulator.at(time, seen.append, (time, name))
    for pause in pauses:
        simulator.run(until=pause)
        assert simulator.now == pause
        assert len(seen) == sum(time <= pause for time in due)
    simulator.run()
    assert seen == sorted(seen) and len(seen) == len(due)


class AnyProgram(RuleBasedStateMachine):
    """Schedule, cancel, step and run in any order; a sorted list of what is due is the oracle."""

    def __init__(self) -> None:
        super().__init__()
        self.simulator, self.seen = Simulator(), []
        self.due: dict[int, float] = {}
        self.events = []

    @rule(delay=st.sampled_from([0.0, 1.0, 2.0]) | st.floats(0, 10))
    def schedule(self, delay):
        name = len(self.events)
        self.events.append(self.simulator.after(delay, self.seen.append, name))
        self.due[name] = self.simulator.now + delay

    @rule(n=st.integers(0, 30))
    def cancel(self, n):
        if n < len(self.events):
            assert self.events[n].cancel() == (self.due.pop(n, None) is not None)

    @rule()
    def step(self):
        first = min(self.due, key=lambda name: (self.due[name], name), default=None)
        assert self.simulator.step() == (first is not None)
        if first is not None:
            assert self.seen.pop() == first and self.simulator.now == self.due.pop(first)
        assert not self.seen

    @rule(seconds=st.floats(0, 3))
    def run(self, seconds):
        until = self.simulator.now + seconds
        self.simulator.run(until)
        past = sorted((time, name) for name, time in self.due.items() if time <= until)
        assert self.seen == [name for _, name in past]
        self.seen.clear()
        for _, name in past:
            del self.due[name]

    @invariant()
    def counts_what_is_to_come(self):
        assert self.simulator.pending == len(self.due)
        assert [event.pending for event in self.events] == [
            name in self.due for name in range(len(self.events))
        ]


TestAnyProgram = AnyProgram.TestCase


@given(st.integers(0, 2**32), st.integers(1, 200))
def test_the_same_program_gives_the_same_run(seed, count):
    def story():
        simulator, rng, seen = Simulator(), np.random.default_rng(seed), []

        def happen(name):
            seen.append((simulator.now, name))
            if len(seen) < count:
                for delay in rng.choice([0.0, 1.0, 1.5], size=2):
                    simulator.after(delay, happen, len(seen))

        simulator.after(0.0, happen, 0)
        simulator.run()
        return seen

    assert story() == story()


def test_an_action_may_schedule_for_now_and_comes_after_what_was_there():
    simulator, seen = Simulator(), []
    simulator.at(1.0, lambda: (seen.append("a"), simulator.after(0.0, seen.append, "c")))
    simulator.at(1.0, seen.append, "b")
    simulator.run()
    assert seen == ["a", "b", "c"] and simulator.now == 1.0


def test_cancelled_timeouts_do_not_pile_up():
    simulator, longest = Simulator(), 0
    for _ in range(1000):  # each answer comes long before its timeout
        timeout = simulator.after(1e6, pytest.fail, "the answer was there")
        simulator.after(1.0, timeout.cancel)
        simulator.run(until=simulator.now + 2.0)
        longest = max(longest, len(simulator._queue))
    assert longest <= 4 and simulator.pending == 0
    simulator.run()
    assert simulator.now == 2000.0


def test_a_failing_action_leaves_a_simulator_that_goes_on():
    simulator, seen = Simulator(), []
    simulator.at(1.0, int, "no number")
    simulator.at(2.0, seen.append, "after")
    with pytest.raises(ValueError, match="no number"):
        simulator.run()
    assert simulator.now == 1.0 and simulator.pending == 1
    simulator.run()
    assert seen == ["after"]


def test_an_event_that_is_over_keeps_nothing_alive():
    import gc
    import weakref

    class Message:
        pass

    simulator, messages = Simulator(), [Message(), Message()]
    alive = [weakref.ref(message) for message in messages]
    kept = [simulator.after(1.0, id, message) for message in messages]
    kept[0].cancel()
    simulator.run()
    messages.clear()
    gc.collect()
    assert [reference() for reference in alive] == [None, None]


@pytest.mark.parametrize("wrong", [-1.0, math.nan, math.inf, -math.inf])
def test_the_past_and_what_is_no_time_are_refused(wrong):
    simulator = Simulator()
    for schedule in (simulator.at, simulator.after):
        with pytest.raises(ValueError, match="expected a finite"):
            schedule(wrong, print)
    with pytest.raises(ValueError, match="until="):
        simulator.run(until=wrong)
    assert simulator.pending == 0 and not simulator.step()


def test_the_past_moves_with_the_clock():
    simulator = Simulator()
    simulator.run(until=5.0)
    with pytest.raises(ValueError, match=r"from now \(5.0 s\) on"):
        simulator.at(4.0, print)
    with pytest.raises(ValueError, match=r"from now \(5.0 s\) on"):
        simulator.run(until=4.0)


def test_numpy_times_become_plain_ones():
    simulator = Simulator()
    event = simulator.at(np.float64(1.5), print)
    assert type(event.time) is float
    simulator.run(until=np.float64(1.0))
    assert type(simulator.now) is float


class Counted(float):
    """A time that counts how often it is compared."""

    comparisons = 0

    def __lt__(self, other):
        Counted.comparisons += 1
        return float.__lt__(self, other)


@pytest.mark.parametrize("waiting", [2**6, 2**10, 2**14])
def test_an_event_costs_about_as_many_comparisons_as_the_queue_has_levels(waiting, monkeypatch):
    import mlsys.foundations.simulation.events as events

    monkeypatch.setattr(events, "float", Counted, raising=False)
    monkeypatch.setattr(Counted, "comparisons", 0)
    simulator, rng = Simulator(), np.random.default_rng(1)
    delays = iter(rng.exponential(1.0, waiting + 2000).tolist())

    def again():
        simulator.after(next(delays), again)

    for _ in range(waiting):
        again()
    before = Counted.comparisons
    for _ in range(2000):
        simulator.step()
    each = (Counted.comparisons - before) / 2000
    assert math.log2(waiting) - 1 < each < math.log2(waiting) + 6
