"""Swaps, shares and shadows: every request is answered once, by whom it should be."""

from __future__ import annotations

import asyncio
import contextlib
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.serving.batching import Batcher, Greedy, OneByOne, QueueLimit
from mlsys.serving.batching.deadlines import EarliestDeadline
from mlsys.serving.batching.virtual import run_virtual
from mlsys.serving.server.cache import LRU, Coalescing
from mlsys.serving.server.errors import (
    NotFound,
    Overloaded,
    ProtocolError,
    TimedOut,
    Unavailable,
)
from mlsys.serving.server.tensors import Info, Spec
from mlsys.serving.server.versions import MOST_SHADOWS, Catalogue, Endpoint, by_turns, drawn

SECONDS = 0.1


class Version:
    """Answers with its number, after a while."""

    def __init__(self, version, fails=False, seconds=SECONDS, name="m"):
        spec = (Spec("x", "FP64", (1,)),)
        self.info = Info(name, str(version), "test", spec, spec)
        self.fails, self.seconds, self.asked, self.closed = fails, seconds, 0, False
        self.under_way = 0

    async def predict(self, inputs, seconds):
        assert not self.closed
        self.asked += 1
        self.under_way += 1
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.under_way -= 1
        if self.fails:
            raise ProtocolError("broken", 500)
        return {"x": np.full((1, 1), float(self.info.version))}

    async def close(self):
        while self.under_way:
            await asyncio.sleep(0.01)
        self.closed = True


X = {"x": np.zeros((1, 1))}


async def who(catalogue, key=None, version=None):
    info, outputs = await catalogue.predict("m", version, X, key=key)
    assert info.version == str(int(outputs["x"][0, 0]))
    return int(info.version)


@given(st.lists(st.floats(0.01, 1.0), min_size=1, max_size=6), st.integers(1, 60))
def test_a_swap_drops_nobody(gaps, users):
    async def main():
        catalogue, versions = Catalogue(), [Version(0)]
        catalogue.add(versions[0])

        async def swaps():
            for number, gap in enumerate(gaps, 1):
                await asyncio.sleep(gap)
                versions.append(Version(number))
                await catalogue.swap(versions[-1])

        async def user(at):
            await asyncio.sleep(at)
            return await who(catalogue)

        times = [n * 0.037 for n in range(users)]
        _, *answers = await asyncio.gather(swaps(), *map(user, times))
        assert answers == sorted(answers)  # nobody who comes later gets an older version
        assert sum(version.asked for version in versions) == users
        assert [version.closed for version in versions] == [True] * len(gaps) + [False]
        assert catalogue.models() == {"m": [str(len(gaps))]}

    run_virtual(main())


events = st.lists(
    st.tuples(
        st.sampled_from(["ask", "ask", "again", "swap", "split", "shadow"]), st.floats(0, 0.2)
    ),
    min_size=1,
    max_size=40,
)


@given(events, st.booleans())
def test_whatever_is_changed_each_request_is_answered_once(events, cached):
    """Real endpoints with batchers and caches, under requests, swaps, splits and shadows."""

    async def main():
        catalogue, ended, asked = Catalogue(), [], 0

        def new(number):
            cache = Coalescing(LRU(3)) if cached else None
            return endpoint(cache=cache, version=number, ended=ended)

        async def ask(value):
            x = {"x": np.full((1, 1), float(value))}
            _, outputs = await catalogue.predict("m", None, x)
            assert outputs["x"][0, 0] == 2 * value
            return 1

        catalogue.add(new(0))
        tasks, versions = [], 0
        for event, gap in events:
            await asyncio.sleep(gap)
            if event in ("ask", "again"):
                asked += 1
                tasks.append(asyncio.create_task(ask(asked if event == "ask" else 0)))
                continue
            versions += 1
            if event == "swap":
                tasks.append(asyncio.create_task(catalogue.swap(new(versions))))
                continue
            catalogue.add(new(versions))
            if event == "shadow":
                catalogue.shadow("m", str(versions))
            else:
                every = catalogue.models()["m"]
                catalogue.route("m", {version: 1 / len(every) for version in every})
        answers = await asyncio.gather(*tasks)
        assert sum(each or 0 for each in answers) == asked
        await catalogue.close()
        assert sorted(ended) == sorted(map(str, range(versions + 1)))

    run_virtual(main())


def test_what_asks_in_the_very_turn_of_a_swap_is_answered():
    async def main():
        for turns in range(6):
            catalogue = Catalogue()
            catalogue.add(endpoint(cache=Coalescing(LRU(3))))
            asks = [asyncio.create_task(catalogue.predict("m", None, X)) for _ in range(3)]
            for _ in range(turns):
                await asyncio.sleep(0)
            await catalogue.swap(endpoint(version=2))
            assert {info.version for info, _ in await asyncio.gather(*asks)} == (
                {"1"} if turns else {"2"}
            )

    run_virtual(main())


def test_a_swap_that_nobody_waits_for_is_still_finished():
    async def main():
        catalogue, old = Catalogue(), Version(0)
        catalogue.add(old)
        ask = asyncio.create_task(who(catalogue))
        await asyncio.sleep(0)
        swap = asyncio.create_task(catalogue.swap(Version(1)))
        await asyncio.sleep(0.01)
        swap.cancel()
        await catalogue.close()  # waits for the one that leaves, too
        assert old.closed and await ask == 0 and swap.cancelled()

    run_virtual(main())


def test_only_a_version_without_a_share_can_be_taken_away():
    async def main():
        catalogue, canary = Catalogue(), Version(2)
        catalogue.add(Version(1))
        catalogue.add(canary)
        catalogue.route("m", {"1": 0.9, "2": 0.1})
        with pytest.raises(ValueError, match=r"'2' of 'm' has 0\.1 of the requests"):
            catalogue.remove("m", "2")
        catalogue.route("m", {"1": 1.0, "2": 0.0})
        catalogue.shadow("m", "2")
        await catalogue.remove("m", "2")
        assert canary.closed and catalogue.models() == {"m": ["1"]}
        assert await who(catalogue) == 1 and catalogue.shadowed == 0
        with pytest.raises(NotFound, match="no version '2'"):
            catalogue.remove("m", "2")

    run_virtual(main())


some_shares = st.lists(st.floats(0.01, 1), min_size=2, max_size=5).map(
    lambda weights: {str(n): weight / sum(weights) for n, weight in enumerate(weights)}
)


@given(some_shares, st.floats(1, 50), st.lists(st.binary(max_size=8), max_size=40))
def test_where_a_share_grows_all_who_move_move_there(shares, times, keys):
    grown = {version: share * (times if version == "0" else 1) for version, share in shares.items()}
    total = sum(grown.values())
    grown = {version: share / total for version, share in grown.items()}
    turned = dict(reversed(shares.items()))
    for key in keys:
        before, after = drawn(shares, "m", key), drawn(grown, "m", key)
        assert after in (before, "0")
        assert drawn(turned, "m", key) == before


@given(some_shares, st.integers(1, 2000))
def test_turns_are_divided_more_evenly_than_chance_would(shares, turns):
    """Three distances at most lie between points of a golden spiral: counts are off by a few."""
    taken = [by_turns(shares, turn) for turn in range(1, turns + 1)]
    for version, share in shares.items():
        assert abs(taken.count(version) - turns * share) <= 2 + math.log2(turns) / 2


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_shares_divide_requests_evenly_and_users_for_good(share):
    async def main():
        catalogue = Catalogue()
        for number in (1, 2):
            catalogue.add(Version(number, seconds=0.0))
        catalogue.route("m", {"1": 1 - share, "2": share})
        answers = [await who(catalogue) for _ in range(1000)]
        assert abs(answers.count(2) - 1000 * share) <= 3  # not five standard deviations: by turns
        users = {user: await who(catalogue, b"%d" % user) for user in range(2000)}
        spread = 5 * math.sqrt(2000 * share * (1 - share))
        assert abs([*users.values()].count(2) - 2000 * share) <= spread
        for user in range(0, 2000, 50):
            assert await who(catalogue, b"%d" % user) == users[user]

    run_virtual(main())


def test_who_was_on_the_new_side_stays_there_when_its_share_grows():
    async def main():
        catalogue = Catalogue()
        for number in (1, 2):
            catalogue.add(Version(number, seconds=0.0))
        before: set[int] = set()
        for share in (0.1, 0.3, 0.9):
            catalogue.route("m", {"2": share, "1": 1 - share})
            now = {user for user in range(500) if await who(catalogue, b"%d" % user) == 2}
            assert before <= now
            before = now

    run_virtual(main())


@pytest.mark.parametrize("trouble", [{}, {"fails": True}, {"seconds": 100.0}])
def test_a_shadow_sees_all_and_is_not_seen(trouble):
    async def main():
        catalogue, shadow = Catalogue(), Version(2, **trouble)
        catalogue.add(Version(1))
        catalogue.add(shadow)
        catalogue.shadow("m", "2")
        loop = asyncio.get_running_loop()
        for _ in range(10):
            begun = loop.time()
            assert await who(catalogue) == 1
            assert loop.time() - begun == pytest.approx(SECONDS)
        assert shadow.asked == catalogue.shadowed == 10
        assert shadow.under_way <= 10
        with contextlib.suppress(ProtocolError, TimeoutError):
            await asyncio.wait_for(who(catalogue, version="2"), 1.0)  # asked itself: no copy
        assert shadow.asked == 11
        catalogue.shadow("m", None)
        await who(catalogue)
        assert shadow.asked == 11
        await asyncio.sleep(200)
        assert catalogue.shadow_errors == (10 if "fails" in trouble else 0)

    run_virtual(main())


def test_copies_for_a_shadow_that_hangs_do_not_pile_up():
    async def main():
        catalogue, shadow = Catalogue(), Version(2, seconds=1e9)
        catalogue.add(Version(1))
        catalogue.add(shadow)
        catalogue.shadow("m", "2")
        await asyncio.gather(*(who(catalogue) for _ in range(MOST_SHADOWS + 10)))
        assert shadow.asked == MOST_SHADOWS and catalogue.shadows_left_out == 10
        await catalogue.close()
        assert shadow.closed and asyncio.get_running_loop().time() < 1

    run_virtual(main())


def test_what_is_not_there_is_told_what_is():
    async def main():
        catalogue = Catalogue()
        catalogue.add(Version(1))
        for call, why in [
            (lambda: catalogue.endpoint("n"), r"no model 'n'; there are \['m'\]"),
            (lambda: catalogue.endpoint("m", "7"), r"no version '7'; it has \['1'\]"),
            (lambda: catalogue.route("m", {"7": 1.0}), "no version '7'"),
            (lambda: catalogue.shadow("m", "7"), "no version '7'"),
        ]:
            with pytest.raises(NotFound, match=why):
                call()
        with pytest.raises(ValueError, match="add up to 1"):
            catalogue.route("m", {"1": 0.5})
        with pytest.raises(ValueError, match="already"):
            catalogue.add(Version(1))
        assert await who(catalogue, version="1") == 1

    run_virtual(main())


def endpoint(policy=None, admission=None, cache=None, seen=None, version=1, ended=None):
    spec = (Spec("x", "FP64", (-1,)),)

    async def run(items):
        if seen is not None:
            seen.append([item["x"].shape for item in items])
        await asyncio.sleep(SECONDS)
        return [{"x": 2 * item["x"]} for item in items]

    async def end():
        if ended is not None:
            ended.append(str(version))

    batcher = Batcher(policy or Greedy(10), run, admission=admission)
    return Endpoint(Info("m", str(version), "test", spec, spec), batcher, end, cache)


def test_only_equal_shapes_share_a_batch():
    async def main():
        seen = []
        one = endpoint(seen=seen)
        sizes = (2, 3, 2, 3, 2)
        answers = await asyncio.gather(*(one.predict({"x": np.ones((1, n))}) for n in sizes))
        assert [each["x"].shape[1] for each in answers] == list(sizes)
        assert seen == [[(1, 2)] * 3, [(1, 3)] * 2]

    run_virtual(main())


def test_what_the_batcher_says_is_said_in_terms_of_http():
    async def main():
        full = endpoint(admission=QueueLimit(1, retry=2.0))
        first = [asyncio.create_task(full.predict(X)) for _ in range(2)]
        await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        waits = asyncio.create_task(full.predict(X))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded, match="2 s"):
            await full.predict(X)
        waits.cancel()
        await asyncio.gather(*first, return_exceptions=True)
        late = endpoint(EarliestDeadline(lambda size: SECONDS))
        with pytest.raises(TimedOut):
            await late.predict(X, seconds=0.01)
        with pytest.raises(ProtocolError, match="expected type FP64"):
            await late.predict({"x": np.zeros((1, 1), np.float32)})

    run_virtual(main())


def test_equal_requests_cost_one():
    async def main():
        seen = []
        one = endpoint(cache=Coalescing(LRU(5)), seen=seen)
        for _ in range(2):
            answers = await asyncio.gather(*(one.predict(X) for _ in range(8)))
            assert all((each["x"] == 0).all() for each in answers)
        assert seen == [[(1, 1)]]

    run_virtual(main())


def test_no_answer_comes_later_than_it_is_wanted():
    """Whatever the policy knows of deadlines; and the place of who has left is given to others."""

    async def main():
        seen = []
        one, loop = endpoint(OneByOne(), seen=seen), asyncio.get_running_loop()
        first = asyncio.create_task(one.predict(X))
        await asyncio.sleep(0.01)
        with pytest.raises(TimedOut, match=r"no answer within 0\.05 s"):
            await one.predict(X, seconds=0.05)
        assert loop.time() == pytest.approx(0.06)
        await first
        await one.predict(X, seconds=5.0)
        assert len(seen) == 2

    run_virtual(main())


def test_the_deadline_of_one_is_not_that_of_others_who_ask_the_same():
    async def main():
        one = endpoint(EarliestDeadline(lambda size: SECONDS), cache=Coalescing(LRU(3)))
        wanted = (0.05, 5.0, 0.01, math.inf, 0.02)  # seconds; an answer takes 0.1
        tasks = [one.predict(X, seconds) for seconds in wanted]
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        late = [isinstance(answer, TimedOut) for answer in answers]
        assert late == [True, False, True, False, True]

    run_virtual(main())


def test_what_is_shared_cannot_be_written_to():
    async def main():
        one = endpoint(cache=Coalescing(LRU(3)))
        for _ in range(2):
            outputs = await one.predict(X)
            with pytest.raises(ValueError, match="read-only"):
                outputs["x"][:] = 1

    run_virtual(main())


@pytest.mark.parametrize("cached", [False, True])
def test_closed_is_closed_when_all_inside_are_answered(cached):
    """With a cache they reach the batcher a turn of the loop later."""

    async def main():
        ended = []
        one = endpoint(ended=ended, cache=Coalescing(LRU(3)) if cached else None)
        asks = [asyncio.create_task(one.predict(X)) for _ in range(30)]
        await asyncio.sleep(0)
        await one.close()
        assert ended == ["1"] and all(task.done() and not task.exception() for task in asks)
        with pytest.raises(Unavailable, match="taken away"):
            await one.predict(X)

    run_virtual(main())


def test_a_model_that_is_dropped_answers_what_it_was_asked():
    async def main():
        catalogue, ended = Catalogue(), []
        for number in range(3):
            catalogue.add(endpoint(version=number, ended=ended))
        catalogue.route("m", {"0": 0.5, "1": 0.5})
        catalogue.shadow("m", "2")
        assert catalogue.routes("m") == ({"0": 0.5, "1": 0.5}, "2")
        asks = [asyncio.create_task(catalogue.predict("m", None, X)) for _ in range(20)]
        await asyncio.sleep(0)
        dropped = catalogue.drop("m")
        with pytest.raises(NotFound, match=r"no model 'm'; there are \[\]"):
            await catalogue.predict("m", None, X)
        assert ended == [] and catalogue.models() == {}
        await dropped
        assert sorted(ended) == ["0", "1", "2"] and len(await asyncio.gather(*asks)) == 20
        catalogue.add(endpoint(version=0, ended=ended))  # as if it had never been there
        assert catalogue.routes("m") == ({"0": 1.0}, None)

    run_virtual(main())
