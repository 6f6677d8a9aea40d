"""The same policies on an event loop: every request is answered once, whatever happens."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.serving.batching.admission import QueueLimit
from mlsys.serving.batching.deadlines import EarliestDeadline
from mlsys.serving.batching.live import Batcher, Closed, Dropped, Refused
from mlsys.serving.batching.policies import AIMD, Fixed, Greedy, OneByOne
from mlsys.serving.batching.policy import Decision


def batcher(policy, seen=None, wait=0.0, **options):
    """Answers each item with its double, and fails for those that are negative."""

    async def run(items):
        if seen is not None:
            seen.append(list(items))
        await asyncio.sleep(wait)
        return [ValueError(str(item)) if item < 0 else 2 * item for item in items]

    return Batcher(policy, run, **options)


@given(
    st.lists(st.integers(-3, 100), min_size=1, max_size=40),
    st.sampled_from([OneByOne(), Greedy(5), Fixed(4, 0.001), AIMD(1.0)]),
    st.integers(1, 3),
)
def test_each_gets_its_own_answer(items, policy, devices):
    async def main():
        seen = []
        one = batcher(policy, seen, devices=devices)
        answers = await asyncio.gather(*map(one.submit, items), return_exceptions=True)
        for item, answer in zip(items, answers, strict=True):
            assert str(answer) == (str(item) if item < 0 else str(2 * item))
        assert sorted(item for batch in seen for item in batch) == sorted(items)
        await one.drain()

    asyncio.run(main())


def test_what_gathers_while_a_device_is_busy_goes_together():
    async def main():
        seen = []
        one = batcher(Greedy(100), seen, wait=0.01)
        first = asyncio.create_task(one.submit(0))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.gather(first, *map(one.submit, range(1, 8)))
        assert seen == [[0], [*range(1, 8)]]

    asyncio.run(main())


def test_a_lone_request_waits_no_longer_than_the_time_out():
    async def main():
        seen = []
        one = batcher(Fixed(8, 0.02), seen)
        assert await asyncio.wait_for(one.submit(1), 5) == 2
        assert seen == [[1]]

    asyncio.run(main())


@pytest.mark.parametrize("broken", ["raises", "too few"])
def test_a_batch_that_fails_fails_for_its_members_and_no_others(broken):
    async def run(items):
        if 13 in items:
            if broken == "raises":
                raise RuntimeError("the device is on fire")
            return []
        return items

    async def main():
        one = Batcher(OneByOne(), run)
        answers = await asyncio.gather(*map(one.submit, (1, 13, 2)), return_exceptions=True)
        assert answers[0] == 1 and answers[2] == 2 and isinstance(answers[1], RuntimeError)

    asyncio.run(main())


def test_who_cannot_be_in_time_is_dropped_and_who_finds_no_place_refused():
    async def main():
        late = batcher(EarliestDeadline(lambda size: 10.0))
        with pytest.raises(Dropped, match="too late"):
            await late.submit(1, seconds=1.0)
        full = batcher(OneByOne(), wait=0.05, admission=QueueLimit(1, retry=3.0))
        first = asyncio.create_task(full.submit(1))
        await asyncio.sleep(0.01)
        second = asyncio.create_task(full.submit(2))
        await asyncio.sleep(0)
        with pytest.raises(Refused, match="3 s") as refused:
            await full.submit(3)
        assert refused.value.retry_after == 3.0
        assert await first == 2 and await second == 4

    asyncio.run(main())


def test_who_gives_up_waiting_gives_up_the_place():
    async def main():
        seen = []
        one = batcher(OneByOne(), seen, wait=0.02)
        tasks = [asyncio.create_task(one.submit(n)) for n in range(4)]
        await asyncio.sleep(0.005)
        tasks[0].cancel()  # under way
        tasks[2].cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert seen == [[0], [1], [3]]
        assert [type(answer) for answer in answers] == [
            asyncio.CancelledError, int, asyncio.CancelledError, int
        ]  # fmt: skip

    asyncio.run(main())


def test_draining_answers_all_and_takes_no_more():
    async def main():
        one = batcher(Fixed(10, 0.01), wait=0.01)
        tasks = [asyncio.create_task(one.submit(n)) for n in range(25)]
        await asyncio.sleep(0)
        await one.drain()
        assert [task.result() for task in tasks] == [2 * n for n in range(25)]
        with pytest.raises(Closed):
            await one.submit(1)

    asyncio.run(main())


def test_a_policy_that_fails_leaves_nobody_waiting():
    class Stubborn:
        def decide(self, now, waiting):
            return Decision(wake=now - 1)

        def done(self, now, batch, seconds): ...

    async def main():
        with pytest.raises(ValueError, match="asked again"):
            await asyncio.wait_for(batcher(Stubborn()).submit(1), 5)

    asyncio.run(main())
