"""Keys are cut where shards are, and told apart by their signatures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.parameter_server.keys import KeyCache, check_keys, signature, split

sorted_keys = st.lists(st.integers(0, 99), unique=True).map(
    lambda keys: np.array(sorted(keys), np.int64)
)


@given(sorted_keys, st.lists(st.integers(0, 100), min_size=2).map(sorted))
def test_each_part_has_the_keys_of_its_shard(keys, bounds):
    parts = split(keys, bounds)
    for part, begin, end in zip(parts, bounds, bounds[1:], strict=False):
        assert keys[part].tolist() == keys[(keys >= begin) & (keys < end)].tolist()


@given(sorted_keys, sorted_keys)
def test_other_keys_have_another_signature(keys, others):
    assert (signature(keys) == signature(others)) == (keys.tolist() == others.tolist())
    assert 1 <= signature(keys) < 2**63
    assert signature(np.repeat(keys, 2)[::2]) == signature(keys)  # of any memory layout


@given(st.lists(st.integers(0, 2**63 - 1), unique=True, max_size=6), st.data())
def test_the_same_keys_in_another_order_have_another_signature(keys, data):
    other = data.draw(st.permutations(keys))
    signatures = {signature(np.array(order, np.int64)) for order in (keys, other)}
    assert len(signatures) == 1 + (other != keys)


def test_no_two_of_very_many_lists_have_the_same_signature():
    """A birthday among 10,000 lists would show fewer than about 26 bits."""
    assert len({signature(np.array([key], np.int64)) for key in range(10_000)}) == 10_000


@given(sorted_keys)
def test_sorted_keys_in_range_pass(keys):
    check_keys(keys, 0, 100)


@pytest.mark.parametrize(
    ("keys", "match"),
    [
        (np.array([1, 1]), "got 1 before 1"),
        (np.array([0, 5, 3]), "got 5 before 3"),
        (np.array([2, 10]), "expected 0 to 9, got 10"),
        (np.array([-1, 2]), "expected 0 to 9, got -1"),
        (np.array([0.5]), "float64"),
        (np.zeros((1, 1), np.int64), r"shape \(1, 1\)"),
        ([1, 2], "int64 array"),
    ],
)
def test_other_keys_are_refused_with_the_first_mistake(keys, match):
    with pytest.raises(ValueError, match=match):
        check_keys(keys, 0, 10)


@given(st.lists(st.integers(1, 8), max_size=60), st.integers(1, 5))
def test_a_cache_knows_what_was_used_last(used, most):
    """With lists of one length, as many as there is room for."""
    cache, order = KeyCache(most * LIST), []
    for name in used:
        if cache.get(name) is None:
            assert name not in order[-most:]
            cache.put(name, np.full(500, name), slice(0, 500))
        order = [other for other in order if other != name] + [name]
        assert len(cache) <= most
    for name in order[-most:]:
        keys, rows = cache.get(name)
        assert keys[0] == name and rows == slice(0, 500)


LIST = 4300  # bytes: 500 keys, and what is kept about them


@given(st.lists(st.tuples(st.integers(1, 8), st.integers(0, 3000)), max_size=40))
def test_a_cache_fills_no_more_than_its_room(used):
    room, sizes, cache = 20_000, {}, KeyCache(20_000)
    for name, size in used:
        cache.put(name, np.arange(size), np.arange(size))
        sizes[name] = 16 * size
        kept = [name for name in sizes if cache.get(name) is not None]
        assert name in kept and (len(kept) == 1 or sum(map(sizes.get, kept)) <= room)
        cache.get(name)


def test_asking_is_using():
    cache = KeyCache(2 * LIST)
    for name in (1, 2):
        cache.put(name, np.full(500, name), slice(0, 500))
    cache.get(1)
    cache.put(3, np.full(500, 3), slice(0, 500))
    assert [cache.get(name) is None for name in (1, 2, 3)] == [False, True, False]
