"""What is known of a program afterwards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.cluster.communicator import ClusterError
from mlsys.distributed.cluster.run import LinkTraffic, ProgramFailed, Run, Traffic

counts = st.integers(0, 10**12)


@dataclass
class Tallied:
    sent_bytes: int
    sent_messages: int
    received_bytes: int
    received_messages: int
    compute: float
    waited: float
    depth: int


@given(st.lists(st.builds(Tallied, counts, counts, counts, counts, counts, counts, counts)))
def test_traffic_is_the_tallies_as_columns(ranks):
    ranks = [Tallied(1, 2, 3, 4, 0.5, 0.25, 6), *ranks]
    traffic = Traffic.of(ranks, [])
    for name in ("sent_bytes", "sent_messages", "received_bytes", "received_messages"):
        column = getattr(traffic, name)
        assert column.tolist() == [getattr(rank, name) for rank in ranks]
        assert np.issubdtype(column.dtype, np.integer)
    assert traffic.compute.tolist() == [rank.compute for rank in ranks]
    assert traffic.waited.tolist() == [rank.waited for rank in ranks]
    assert traffic.rounds == max(rank.depth for rank in ranks)


def test_a_link_adds_up():
    link = LinkTraffic("up 0")
    link.add(100, 2, 0.5)
    link.add(1, 1, 0.25)
    assert (link.nbytes, link.messages, link.busy) == (101, 3, 0.75)


def test_a_program_that_failed_brings_its_errors():
    error = ProgramFailed("rank 3 raised", {3: ValueError("no")})
    assert isinstance(error, ClusterError) and str(error) == "rank 3 raised"
    assert str(error.errors[3]) == "no"


def test_where_nobody_counts_there_is_no_traffic():
    run = Run([1, 2], 0.5)
    assert (run.traffic, run.trace, run.dead) == (None, None, ())
