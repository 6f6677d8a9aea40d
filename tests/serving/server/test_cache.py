"""Caches against the plainest models of them, and one computation for equal requests."""

from __future__ import annotations

import asyncio
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.serving.batching.virtual import run_virtual
from mlsys.serving.server.cache import CLOCK, LRU, Coalescing, key_of

asked = st.lists(st.integers(0, 9), max_size=80)


@given(asked, st.integers(1, 6))
def test_lru_knows_what_was_used_last(keys, most):
    cache, order = LRU(most), []
    for key in keys:
        known = cache.get(key)
        assert known == (10 * key if key in order[-most:] else None)
        if known is None:
            cache.put(key, 10 * key)
        order = [other for other in order if other != key] + [key]
        assert len(cache) == min(most, len(order))


@given(asked, st.integers(1, 6))
def test_lru_hits_where_that_of_python_does(keys, most):
    cache, known = LRU(most), lru_cache(maxsize=most)(lambda key: key)
    for key in keys:
        hits = known.cache_info().hits
        known(key)
        assert (cache.get(key) is not None) == (known.cache_info().hits > hits)
        cache.put(key, key)


@given(asked, st.integers(1, 6))
def test_a_larger_lru_knows_all_that_a_smaller_one_does(keys, most):
    """The inclusion of Mattson and others (1970), which CLOCK does not have."""
    small, large = LRU(most), LRU(most + 1)
    for key in keys:
        assert small.get(key) is None or large.get(key) is not None
        large.get(key)
        small.put(key, key)
        large.put(key, key)


steps = st.lists(st.tuples(st.sampled_from(["get", "put"]), st.integers(0, 6)), max_size=100)


@given(steps, st.integers(1, 6))
def test_any_order_of_gets_and_puts_is_that_of_a_list(steps, most):
    """LRU against a list of (key, value), the one that was used last at its end."""
    cache, line = LRU(most), []
    for value, (step, key) in enumerate(steps):
        found = next((each for each in line if each[0] == key), None)
        if step == "get":
            assert cache.get(key) == (None if found is None else found[1])
        else:
            cache.put(key, value)
            found, line = (key, value), [each for each in line if each[0] != key]
        if found is not None:
            line = ([each for each in line if each[0] != key] + [found])[-most:]
        assert len(cache) == len(line)
    assert [(key, cache.get(key)) for key, _ in line] == line


@given(asked, st.integers(1, 6))
def test_clock_gives_a_second_chance(keys, most):
    """Against a list of [key, used] and a hand."""
    cache, circle, hand = CLOCK(most), [], 0
    for key in keys:
        entry = next((each for each in circle if each[0] == key), None)
        assert cache.get(key) == (None if entry is None else 10 * key)
        if entry is not None:
            entry[1] = True
            continue
        cache.put(key, 10 * key)
        if len(circle) < most:
            circle.append([key, False])
            continue
        while circle[hand][1]:
            circle[hand][1] = False
            hand = (hand + 1) % most
        circle[hand] = [key, False]
        hand = (hand + 1) % most
        assert len(cache) == most


@pytest.mark.parametrize("kind", [LRU, CLOCK])
def test_a_new_value_takes_the_place_of_the_old(kind):
    cache = kind(2)
    for value in (1, 2):
        cache.put("key", value)
        cache.put("other", value)
    assert (cache.get("key"), cache.get("other"), len(cache)) == (2, 2, 2)
    with pytest.raises(ValueError, match="at least 1"):
        kind(0)


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 5)), min_size=1, max_size=30))
def test_equal_requests_at_the_same_time_are_computed_once(requests):
    """Each value takes a second, and is kept: no key is computed twice."""
    computed = []

    async def main():
        coalescing = Coalescing(LRU(10))

        async def user(key, at):
            await asyncio.sleep(at)

            async def compute():
                computed.append(key)
                await asyncio.sleep(1.0)
                return 10 * key

            assert await coalescing.get(key, compute) == 10 * key

        await asyncio.gather(*(user(*each) for each in requests))
        assert coalescing.hits + coalescing.joined + coalescing.computed == len(requests)

    run_virtual(main())
    assert sorted(computed) == sorted({key for key, _ in requests})


def test_errors_reach_all_who_wait_and_are_not_kept():
    async def main():
        coalescing, tries = Coalescing(LRU(10)), []

        async def compute():
            tries.append(len(tries))
            await asyncio.sleep(1.0)
            if len(tries) == 1:
                raise ValueError("not today")
            return "well"

        both = (coalescing.get("key", compute) for _ in range(2))
        answers = await asyncio.gather(*both, return_exceptions=True)
        assert [str(each) for each in answers] == ["not today"] * 2
        assert await coalescing.get("key", compute) == "well"

    run_virtual(main())


def test_who_goes_away_does_not_take_the_answer_along():
    async def main():
        coalescing = Coalescing(LRU(10))

        async def compute():
            await asyncio.sleep(1.0)
            return "answer"

        first = asyncio.create_task(coalescing.get("key", compute))
        second = asyncio.create_task(coalescing.get("key", compute))
        await asyncio.sleep(0.5)
        first.cancel()
        assert await second == "answer" and coalescing.computed == 1
        with pytest.raises(asyncio.CancelledError):
            await first

    run_virtual(main())


def test_if_all_go_away_the_work_is_ended_and_begun_anew_for_the_next():
    async def main():
        coalescing, begun, ended = Coalescing(LRU(10)), [], []

        async def compute():
            begun.append(0)
            await asyncio.sleep(1.0)
            ended.append(0)
            return "answer"

        users = [asyncio.create_task(coalescing.get("key", compute)) for _ in range(3)]
        await asyncio.sleep(0.5)
        for user in users:
            user.cancel()
        late = asyncio.create_task(coalescing.get("key", compute))  # in the same turn of the loop
        await asyncio.sleep(0.1)
        assert await coalescing.get("key", compute) == await late == "answer"
        assert len(begun) == 2 and len(ended) == 1 and coalescing.computed == 2
        assert await coalescing.get("key", compute) == "answer" and coalescing.hits == 1

    run_virtual(main())


@pytest.mark.parametrize("fails", [False, True])
def test_who_comes_as_a_computation_ends_does_not_get_what_has_ended(fails):
    """In the turn of the loop between the end of a task and what is called after it."""

    async def main():
        coalescing, begun, late = Coalescing(LRU(10)), [], []

        async def compute():
            begun.append(0)
            if len(begun) > 1:
                return "second"
            await asyncio.sleep(1.0)
            late.append(asyncio.ensure_future(again()))  # its turn comes before the callbacks'
            if fails:
                raise ValueError("not today")
            return "first"

        async def again():
            return await coalescing.get("key", compute)

        await asyncio.gather(coalescing.get("key", compute), return_exceptions=True)
        await asyncio.sleep(0.1)
        assert await late[0] == ("second" if fails else "first")
        assert coalescing.computed == 1 + fails and coalescing.hits == 1 - fails

    run_virtual(main())


user = st.tuples(st.integers(0, 2), st.floats(0, 4), st.none() | st.floats(0, 2))


@given(st.lists(user, min_size=1, max_size=25), st.floats(0.1, 2), st.sets(st.integers(0, 30)))
def test_whoever_comes_and_goes_all_others_are_answered(users, seconds, broken):
    """Users ask at a time, and some leave; some computations fail. Nobody gets another's answer,
    an error is never kept, and there is at most one computation of a key at any time.
    """
    running, numbers = set(), iter(range(1000))

    async def main():
        coalescing = Coalescing(LRU(2))

        async def compute(key):
            assert key not in running
            running.add(key)
            try:
                await asyncio.sleep(seconds)
            finally:
                running.remove(key)
            if next(numbers) in broken:
                raise ValueError(key)
            return 10 * key

        async def ask(key, at, patience):
            await asyncio.sleep(at)
            try:
                async with asyncio.timeout(patience):
                    return await coalescing.get(key, lambda: compute(key))
            except TimeoutError:
                return "left"
            except ValueError as error:
                return str(error)

        answers = await asyncio.gather(*(ask(*each) for each in users))
        for (key, _, patience), answer in zip(users, answers, strict=True):
            assert (
                answer == 10 * key
                or (broken and answer == str(key))
                or (answer == "left" and patience is not None)
            )
        assert not running and coalescing.computed <= len(users)

    run_virtual(main())


def test_a_key_tells_names_types_shapes_and_numbers():
    x = np.arange(4, dtype=np.int32)
    texts = np.array([b"ab", b"c"], object)
    different = [
        {"x": x}, {"y": x}, {"x": x.astype(np.int64)}, {"x": x.reshape(2, 2)}, {"x": x + 1},
        {"x": x, "y": x}, {"x": x.view(np.float32)}, {"x": texts},
        {"x": np.array([b"a", b"bc"], object)},
    ]  # fmt: skip
    assert len({key_of(each) for each in different}) == len(different)
    assert key_of({"x": x, "y": x + 1}) == key_of({"y": x + 1, "x": x.copy()})
    assert key_of({"x": np.arange(8, dtype=np.int32)[::2]}) == key_of({"x": 2 * x})
    assert len({key_of({"x": np.zeros(shape)}) for shape in [(), (1,), (0,), (0, 2)]}) == 4


names = st.text(max_size=3)
tensors = st.one_of(
    st.lists(st.binary(max_size=3), max_size=3).map(lambda texts: np.array([*texts, b""], object)),
    st.lists(st.integers(0, 2), max_size=4).map(lambda given: np.array(given, np.int8)),
    st.lists(st.integers(0, 2), max_size=2).map(lambda given: np.array(given, np.int16)),
)
requests = st.dictionaries(names, tensors, max_size=3)


@given(requests, requests)
def test_keys_are_equal_where_requests_are(one, other):
    same = one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype and np.array_equal(one[name], other[name])
        for name in one
    )
    assert (key_of(one) == key_of(other)) == same
    assert key_of(one) == key_of(dict(reversed(one.items())))
