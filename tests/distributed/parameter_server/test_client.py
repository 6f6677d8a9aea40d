"""A worker's machine, with a test for its network: what it says, and says again."""

import numpy as np
import pytest

from mlsys.distributed.parameter_server.client import Client, ParameterServerError
from mlsys.distributed.parameter_server.consistency import ASP, SSP
from mlsys.distributed.parameter_server.group import Group, Table
from mlsys.distributed.parameter_server.messages import (
    Leave,
    Pull,
    Pulled,
    Push,
    Pushed,
    Refused,
    Stop,
    Tick,
    Unknown,
    View,
)

SIZE, WORKER = 10, 3
SHARD = (0, 0)


def client(consistency=ASP, replicas=2, pump=lambda: None):
    table = Table("w", SIZE, consistency=consistency)
    return Client(WORKER, Group((table,), servers=2, replicas=replicas), 4, pump)


def said(machine, kind):
    """Whom it asks what, of all that it says now."""
    return [(dest, each) for dest, each in machine.outbox.take() if isinstance(each, kind)]


def view(epoch, chain, lost=()):
    return View(epoch, {SHARD: chain}, {SHARD: len(chain)}, {"": (WORKER,)}, lost)


def test_a_push_goes_to_the_head_and_is_done_when_it_is_safe():
    worker = client()
    task = worker.push("w", None, np.ones(SIZE))
    ((dest, push),) = said(worker, Push)
    assert dest == worker.view.chains[SHARD][0]
    assert (push.sequence, push.clock, push.begin, push.end) == (1, 0, 0, SIZE)
    worker.handle(dest, Pushed(0, SHARD, 2))
    assert not task.done
    worker.handle(dest, Pushed(0, SHARD, 1))
    worker.handle(dest, Pushed(0, SHARD, 1))
    assert task.done


def test_pulls_wait_for_the_clock_that_consistency_names():
    worker = client(SSP(1))
    for clock in range(4):
        worker.pull("w")
        ((_, pull),) = said(worker, Pull)
        assert pull.after == max(-1, clock - 2)
        worker.push("w", None, np.ones(SIZE))
        ((_, push),) = said(worker, Push)
        assert push.clock == clock == worker.clock("w") - 1
    worker.push("w", None, np.ones(SIZE), clock=-1)
    assert worker.clock("w") == 4


def test_what_has_no_answer_is_said_again_in_the_next_epoch_in_order():
    worker = client()
    tasks = [worker.push("w", None, np.full(SIZE, n)) for n in range(3)]
    pull = worker.pull("w")
    worker.handle(1, Pushed(0, SHARD, 2))
    worker.outbox.take()
    worker.handle(0, view(1, (2,)))
    again = said(worker, (Push, Pull))
    assert [(dest, type(each), each.epoch) for dest, each in again] == [
        (2, Push, 1), (2, Push, 1), (2, Pull, 1)
    ]  # fmt: skip
    assert [each.sequence for _, each in again[:2]] == [1, 3]
    worker.handle(0, view(1, (1,)))
    assert not worker.outbox.take()
    worker.handle(2, Pulled(1, SHARD, again[2][1].request, 5, np.ones((SIZE, 1), np.float32)))
    assert pull.done and pull.clock == 5 and tasks[1].done and not tasks[0].done


def test_a_tick_asks_again_only_what_was_asked_before_the_last():
    worker = client()
    worker.pull("w")
    worker.outbox.take()
    worker.handle(0, Tick(1.0))
    assert not said(worker, Pull)
    worker.handle(0, Tick(2.0))
    assert len(said(worker, Pull)) == 1


def test_keys_go_along_once_and_when_they_are_asked_for():
    worker = client()
    keys = worker.keys("w", np.array([2, 5]))
    for sent in (True, False):
        worker.push("w", keys, np.ones(2))
        ((head, push),) = said(worker, Push)
        assert (push.keys is not None) == sent and push.signature
    worker.handle(head, Unknown(0, SHARD, push.signature, 0, push.sequence))
    ((_, again),) = said(worker, Push)
    assert again.keys.tolist() == [2, 5] and again.sequence == push.sequence
    worker.push("w", np.array([2, 5]), np.ones(2))
    ((_, unsigned),) = said(worker, Push)
    assert unsigned.keys is not None and not unsigned.signature


def test_a_refusal_ends_its_task_alone():
    worker = client()
    first, second = (worker.push("w", None, np.ones(SIZE)) for _ in range(2))
    worker.handle(1, Refused(0, SHARD, 0, 1, "because"))
    worker.handle(1, Pushed(0, SHARD, 2))
    with pytest.raises(ParameterServerError, match="because"):
        worker.wait(first)
    worker.wait(second)


def test_what_is_lost_is_told_to_those_that_wait_and_those_that_come():
    worker = client()
    before = worker.pull("w")
    worker.handle(0, view(1, (), lost=(SHARD,)))
    for task in (before, worker.pull("w"), worker.push("w", None, np.ones(SIZE))):
        with pytest.raises(ParameterServerError, match="keys 0 to 9 are lost"):
            task.wait()


def test_a_task_is_over_only_when_each_of_its_messages_is_answered():
    """So that a caller who has been told of a failure may use the arrays again."""
    table = Table("w", SIZE, consistency=ASP, shards=2)
    worker = Client(WORKER, Group((table,), servers=2), 4, lambda: None)
    task = worker.push("w", None, np.ones(SIZE))
    worker.handle(1, Refused(0, (0, 0), 0, 1, "because"))
    assert task.error and not task.done
    worker.handle(1, Pushed(0, (0, 1), 1))
    assert task.done


def test_what_waits_for_a_failed_task_fails_and_leaves_no_gap():
    """Its number is used up, by a push of nothing, since later pushes have been numbered."""
    worker = client()
    pull = worker.pull("w")
    push = worker.push("w", None, np.ones(SIZE), after=[pull])
    last = worker.pull("w", after=[push])
    other = worker.push("w", None, np.ones(SIZE))
    ((_, first),) = said(worker, Push)
    assert first.sequence == 2
    worker.handle(1, Refused(0, SHARD, 1, 0, "because"))
    ((_, nothing),) = said(worker, (Push, Pull))
    assert (nothing.sequence, nothing.clock, len(nothing.values)) == (1, -1, 0)
    for task in (pull, push, last):
        assert task.done
        with pytest.raises(ParameterServerError, match="because"):
            task.wait()
    assert not other.error
    late = worker.pull("w", after=[push])
    assert late.error and not said(worker, Pull)


def ending(worker):
    """Its network: everything is answered, with a refusal of each push of minus one."""

    def answer():
        for dest, message in worker.outbox.take():
            if isinstance(message, Push):
                refused = len(message.values) and (message.values == -1).all()
                answer = Refused(0, SHARD, 0, message.sequence, "because")
                worker.handle(dest, answer if refused else Pushed(0, SHARD, message.sequence))
            elif isinstance(message, Pull):
                values = np.zeros((SIZE, 1), np.float32)
                worker.handle(dest, Pulled(0, SHARD, message.request, 0, values))
            elif isinstance(message, Leave):
                worker.handle(0, Stop())

    worker._pump = answer
    return worker


def test_the_end_tells_of_failures_that_nobody_waited_for():
    worker = ending(client())
    worker.push("w", None, np.full(SIZE, -1.0))
    with pytest.raises(ParameterServerError, match="because"):
        worker.finish()
    assert worker.stopped  # it has left in good order, so that the others go on


@pytest.mark.parametrize("handled", ["the push", "the pull after it"])
def test_the_end_is_silent_about_what_the_caller_knows(handled):
    worker = ending(client())
    push = worker.push("w", None, np.full(SIZE, -1.0))
    pull = worker.pull("w", after=[push])
    worker.wait(worker.pull("w"))
    for task in (push, pull) if handled == "the push" else (pull,):
        with pytest.raises(ParameterServerError, match="because"):
            task.wait()
    worker.finish()


def test_the_loss_of_a_shard_is_told_once():
    worker = ending(client())
    worker.handle(0, view(1, (), lost=(SHARD,)))
    with pytest.raises(ParameterServerError, match="lost"):
        worker.push_pull("w", None, np.ones(SIZE)).wait()
    worker.finish()


def test_the_end_waits_for_everything():
    worker = client()

    def answer():
        for dest, message in worker.outbox.take():
            if isinstance(message, Push):
                worker.handle(dest, Pushed(0, SHARD, message.sequence))
            elif isinstance(message, Leave):
                assert task.done
                worker.handle(0, Stop())

    worker._pump = answer
    task = worker.push("w", None, np.ones(SIZE))
    worker.finish()
    assert worker.stopped and not worker.reason


@pytest.mark.parametrize(
    "end", [lambda worker: worker.died((0,)), lambda worker: worker.handle(0, Stop())]
)
def test_whoever_waits_when_the_job_ends_is_told(end):
    worker = client()
    worker._pump = lambda: end(worker)
    with pytest.raises(ParameterServerError, match="scheduler"):
        worker.pull("w").wait()
    worker = client()
    worker.died((1,))
    assert not worker.stopped
