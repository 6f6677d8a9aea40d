"""Hot keys: shares that add up, against the closed form of Zipf."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.parameter_server.hashing import Ring
from mlsys.distributed.parameter_server.load import copies, imbalance, server_load, shard_load
from mlsys.foundations.datasets.zipf import Zipf


@given(st.integers(1, 500), st.floats(0, 2), st.data())
def test_the_first_shards_have_the_most_frequent_keys(keys, exponent, data):
    zipf = Zipf(keys, exponent)
    shards = data.draw(st.integers(1, keys))
    load = shard_load(zipf.probability, shards)
    for some in range(1, shards + 1):
        assert load[:some].sum() == pytest.approx(zipf.share_of_top(keys * some // shards))


@given(st.integers(1, 6), st.integers(1, 40), st.integers(1, 3), st.floats(0, 2))
def test_everything_is_answered_by_somebody(servers, shards, replicas, exponent):
    load = shard_load(Zipf(200, exponent).probability, shards)
    ring = Ring(range(servers), 8)
    count = min(replicas, servers)
    chains = {(0, shard): ring.chain(f"{shard}", count) for shard in range(shards)}
    found = server_load({s: load[s[1]] for s in chains}, chains, range(servers))
    assert found.sum() == pytest.approx(1)
    assert 1 <= imbalance(found) + 1e-12 <= servers + 1e-9


@given(st.integers(2, 8), st.integers(2, 40), st.floats(0.1, 3))
def test_no_replica_gets_more_than_its_due_unless_all_servers_have_one(servers, shards, bound):
    load = shard_load(Zipf(400, 1.1).probability, shards)
    needed = copies(load, servers, bound)
    each = load / needed * servers
    assert ((each <= bound * (1 + 1e-6)) | (needed == servers)).all()
    fewer = needed > 1
    assert (load[fewer] / (needed[fewer] - 1) * servers > bound * (1 - 1e-6)).all()


def test_more_copies_of_hot_shards_even_out_what_more_servers_cannot():
    load = shard_load(Zipf(10_000, 1.05).probability, 64)
    hottest = load.max()
    ring = Ring(range(16), 64)
    once = {(0, s): ring.chain(str(s), 1) for s in range(64)}
    often = {(0, s): ring.chain(str(s), int(n)) for s, n in enumerate(copies(load, 16, 0.25))}
    before, after = (
        imbalance(server_load({s: load[s[1]] for s in chains}, chains, range(16)))
        for chains in (once, often)
    )
    assert before >= 16 * hottest > 4
    assert after < 2


def test_no_shard_is_without_keys():
    with pytest.raises(ValueError, match="shards: expected 1 to 3"):
        shard_load(np.ones(3) / 3, 4)


def test_a_bound_is_more_than_nothing():
    with pytest.raises(ValueError, match="bound"):
        copies(np.ones(1), 1, 0)
