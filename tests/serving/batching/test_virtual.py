"""A loop whose clock jumps: order as on a real loop, and the same driver of policies to the bit."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.serving.batching.deadlines import EarliestDeadline
from mlsys.serving.batching.live import Batcher, Dropped
from mlsys.serving.batching.policies import AIMD, Fixed, Greedy, OneByOne
from mlsys.serving.batching.quantiles import QuantileRegression
from mlsys.serving.batching.simulated import Linear, simulate
from mlsys.serving.batching.virtual import NothingHappens, VirtualLoop, run_virtual

CURVE = Linear(0.01, 0.001)


@given(st.lists(st.floats(0, 1e6), max_size=30))
def test_sleepers_wake_when_they_are_due(seconds):
    woke = []

    async def sleeper(number, delay):
        await asyncio.sleep(delay)
        woke.append((asyncio.get_running_loop().time(), number))

    async def main():
        await asyncio.gather(*(sleeper(n, delay) for n, delay in enumerate(seconds)))

    run_virtual(main())
    assert woke == sorted(woke, key=lambda each: each[0])
    for time, number in woke:
        assert time == pytest.approx(seconds[number], rel=1e-9, abs=1e-8)


def test_it_runs_where_a_real_loop_runs_already():
    async def hour():
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time()

    async def notebook():
        return run_virtual(hour())

    assert asyncio.run(notebook()) == 3600


@pytest.mark.parametrize("which", range(6))
@pytest.mark.parametrize("devices", [1, 2])
def test_a_policy_does_on_a_loop_what_it_does_in_the_simulator(which, devices):
    """Live and simulated driver, fed the same: the same batches at the same times."""

    def policy():
        return [
            OneByOne(), Greedy(6), Fixed(5, 0.02), AIMD(0.05),
            QuantileRegression(0.05), EarliestDeadline(CURVE.seconds, most=9),
        ][which]  # fmt: skip

    rng = np.random.default_rng(which)
    arrivals = np.cumsum(rng.exponential(1 / 150, 300))
    expected = simulate(policy(), arrivals, CURVE, objective=0.08, devices=devices)
    finished = np.full(arrivals.shape, np.nan)
    batches = []

    async def serve(items):
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await asyncio.sleep(CURVE.seconds(len(items)))
        batches.append((begun, loop.time(), len(items)))
        return items

    async def user(batcher, number):
        await asyncio.sleep(arrivals[number])
        try:
            await batcher.submit(number, seconds=0.08)
            finished[number] = asyncio.get_running_loop().time()
        except Dropped:
            pass

    async def main():
        batcher = Batcher(policy(), serve, devices=devices)
        await asyncio.gather(*(user(batcher, n) for n in range(len(arrivals))))

    run_virtual(main())
    np.testing.assert_allclose(finished, expected.finished, rtol=1e-6)
    np.testing.assert_allclose(np.array(batches), expected.batches, rtol=1e-6)


def test_what_would_hang_is_said():
    async def main():
        await asyncio.get_running_loop().create_future()

    with pytest.raises(NothingHappens, match="no timer"):
        run_virtual(main())


def test_the_world_may_act_before_the_next_timer():
    heard = []
    loop = VirtualLoop()

    def world(wake):
        if not heard:
            loop.call_soon(heard.append, "hello")
            return 1.5
        assert wake is not None
        return wake

    loop.world = world

    async def main():
        await asyncio.sleep(4)
        return heard, loop.time()

    try:
        assert loop.run_until_complete(main()) == (["hello"], 4.0)
    finally:
        loop.close()


@pytest.mark.parametrize("lie", [-1.0, 5.0])
def test_a_world_whose_clock_goes_wrong_is_told(lie):
    async def main():
        await asyncio.sleep(4)

    with pytest.raises(ValueError, match="the world says"):
        run_virtual(main(), lambda wake: lie)
