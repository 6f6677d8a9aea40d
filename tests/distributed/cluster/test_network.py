"""Links at work, against what the model says: nobody shares a link, nobody waits for nothing."""

from __future__ import annotations

import itertools
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.cluster.network import Network
from mlsys.distributed.cluster.topology import Topology, fat_tree, flat, ring, torus, two_level

TOPOLOGIES = [
    flat(6, 0.5, 0.25),
    ring(6, 0.5, 0.25),
    torus(2, 3, 0.5, 0.25),
    two_level(3, 2, (0.125, 0.0625), (1.0, 0.5)),
    fat_tree(3, 2, 1, 0.5, 0.25),
]
topologies = st.sampled_from(TOPOLOGIES)
# Times are multiples of powers of two, so that sums of them are exact.
messages = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 40), st.integers(0, 8)),
    max_size=30,
)


def cost(topology: Topology, a: int, b: int, nbytes: int) -> float:
    links = [topology.links[name] for name in topology.route(a, b)] if a != b else []
    return sum(alpha for alpha, _ in links) + nbytes * max([beta for _, beta in links], default=0)


def send_all(topology: Topology, plan: list[tuple[int, int, int, int]]) -> tuple[Network, list]:
    network, now, sent = Network(topology), 0.0, []
    for source, dest, nbytes, gap in plan:
        now += gap
        start, left, arrival = network.transmit(source, dest, nbytes, now)
        names = topology.route(source, dest) if source != dest else []
        sent.append((source, dest, nbytes, now, start, left, arrival, names))
    return network, sent


@given(topologies, st.integers(0, 5), st.integers(0, 5), st.integers(0, 1000))
def test_a_message_that_meets_nobody_takes_alpha_plus_beta_n(topology, a, b, nbytes):
    start, left, arrival = Network(topology).transmit(a, b, nbytes, 3.0)
    assert start == 3.0
    assert left == arrival == 3.0 + cost(topology, a, b, nbytes)


@given(topologies, messages)
def test_a_link_carries_one_message_at_a_time(topology, plan):
    on_link = defaultdict(list)
    for *_, start, left, _, names in send_all(topology, plan)[1]:
        for name in names:
            on_link[name].append((start, left))
    for spans in on_link.values():
        for (_, before), (after, _) in itertools.pairwise(spans):
            assert after >= before, "in the order of sending"


@given(topologies, messages)
def test_a_message_waits_only_for_one_that_shares_a_link_with_it(topology, plan):
    sent = send_all(topology, plan)[1]
    for i, (source, dest, nbytes, now, start, left, arrival, names) in enumerate(sent):
        blocking = [other[5] for other in sent[:i] if set(other[7]) & set(names)]
        assert start == max([now, *blocking])
        assert left == start + cost(topology, source, dest, nbytes) == arrival


@given(topologies, st.integers(1, 8), st.integers(0, 100))
def test_k_messages_over_one_link_take_k_times_as_long(topology, k, nbytes):
    network = Network(topology)
    ends = [network.transmit(0, 4, nbytes, 0.0)[2] for _ in range(k)]
    assert ends == [(i + 1) * cost(topology, 0, 4, nbytes) for i in range(k)]


def test_the_cable_out_of_a_node_is_the_bottleneck():
    network = Network(two_level(2, 4, inside=(0.0, 0.125), between=(0.0, 1.0)))
    inside = [network.transmit(rank, (rank + 1) % 4, 8, 0.0)[2] for rank in range(4)]
    assert inside == [1.0] * 4
    across = [network.transmit(rank, 4 + rank, 8, 1.0)[2] for rank in range(4)]
    assert across == [9.0, 17.0, 25.0, 33.0]


def test_the_two_directions_of_a_cable_are_two_links():
    network = Network(flat(2, 1.0, 1.0))
    assert network.transmit(0, 1, 9, 0.0)[2] == network.transmit(1, 0, 9, 0.0)[2] == 10.0


@given(topologies, messages)
def test_what_each_link_has_carried_adds_up(topology, plan):
    network, sent = send_all(topology, plan)
    found = {link.name: link for link in network.traffic()}
    assert set(found) == {name for *_, names in sent for name in names}
    for name, link in found.items():
        over = [message for message in sent if name in message[7]]
        assert link.messages == len(over)
        assert link.nbytes == sum(message[2] for message in over)
        assert link.busy == sum(left - start for *_, start, left, _, _ in over)


@given(messages, st.lists(st.integers(0, 50), min_size=30, max_size=30), st.integers(0, 2**30 - 1))
def test_late_messages_keep_their_order_unless_they_may_overtake(plan, delays, overtakers):
    network, latest, now = Network(flat(6, 0.5, 0.25)), {}, 0.0
    for i, (source, dest, nbytes, gap) in enumerate(plan):
        now += gap
        may_overtake = bool(overtakers >> i & 1)
        _, left, arrival = network.transmit(source, dest, nbytes, now, delays[i], not may_overtake)
        if may_overtake:
            assert arrival == left + delays[i]
        else:
            earlier = latest.get((source, dest), 0.0)
            assert arrival == max(left + delays[i], earlier)
            latest[source, dest] = arrival


def test_an_announcement_does_not_overtake_what_was_sent_before():
    network = Network(flat(2, 1.0, 1.0))
    assert network.transmit(0, 1, 99, 0.0)[2] == 100.0
    assert network.announce(0, 1, 5.0) == 100.0
    assert network.announce(1, 0, 5.0) == 6.0
    assert network.transmit(1, 0, 0, 5.0)[2] == 6.0, "it occupies no link"


@pytest.mark.parametrize("rank", range(6))
def test_to_itself_a_rank_sends_over_no_link(rank):
    network = Network(TOPOLOGIES[0])
    assert network.transmit(rank, rank, 10**6, 2.0) == (2.0, 2.0, 2.0)
    assert not network.traffic()
