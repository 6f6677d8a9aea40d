"""The checks of the allreduce lab. Clock, bytes, messages and rounds are counted on this side: the
student's ranks call a cluster that they cannot reach.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from autograder import Wrong, check, typed
from autograder.ranks import route
from mlsys.distributed.cluster.topology import flat

from .runs import (
    DTYPES,
    OPS,
    bounds,
    bytes_sent,
    combined,
    drawn,
    everywhere,
    late,
    reduced_chunks,
    run,
    scattered,
    told,
)
from .trees import children, height, price, trees_of

CHAPTER = "distributed/allreduce"
of_reduce_scatter = partial(check, task="reduce_scatter", section=f"{CHAPTER}#the-ring")
of_allgather = partial(check, task="allgather", section=f"{CHAPTER}#the-ring")
of_trees = partial(check, task="trees", section=f"{CHAPTER}#what-production-libraries-do")
of_double = partial(check, task="double", section=f"{CHAPTER}#what-production-libraries-do")


def cases(rng, count):
    """Ranks, lengths, ops and dtypes: one rank, fewer elements than ranks, none at all, and any."""
    yield from ((1, 5, "add", "f8"), (5, 3, "add", "f4"), (3, 0, "maximum", "f8"))
    yield from ((4, 9, "maximum", "i4"), (3, 8, "minimum", "f8"))
    for ranks in rng.integers(2, 9, count).tolist():
        op = list(OPS)[int(rng.integers(3))]
        yield ranks, int(rng.integers(1, 30)), op, DTYPES[int(rng.integers(4))]


# Reduce-scatter.


@of_reduce_scatter(
    points=8,
    title="rank r ends with the result for chunk r",
    hint="Follow one chunk through the table in the docstring: who has added to it by when?",
)
def reduces_any_array(student, rng):
    for ranks, length, op, dtype in cases(rng, 3):
        arrays = drawn(ranks, length, rng, dtype)
        got = run(student, "reduce_scatter", arrays, op)
        reduced_chunks(got, arrays, op, told("reduce_scatter", arrays, op))


@of_reduce_scatter(
    points=7,
    title="P - 1 rounds, and every chunk but one sent once",
    hint="In each step a rank sends one chunk, to its right neighbour only.",
)
def reduces_at_the_price_of_a_ring(student, rng):
    for ranks, length in ((2, 10), (4, 12), (5, 23), (7, 5)):
        arrays = drawn(ranks, length, rng)
        got, what = run(student, "reduce_scatter", arrays), told("reduce_scatter", arrays, "add")
        reduced_chunks(got, arrays, "add", what)
        sizes = [8 * (part.stop - part.start) for part in bounds(length, ranks)]
        bytes_sent(got, [8 * length - size for size in sizes], what)
        of_the_ring(got, ranks, what)


@of_reduce_scatter(
    points=4,
    title="no deadlock when no message leaves before it is asked for",
    hint="If all send first, nobody receives. Which method does both at once?",
)
def reduces_without_buffers(student, rng):
    for ranks in (2, 5):
        arrays = drawn(ranks, 12, rng)
        got = run(student, "reduce_scatter", arrays, **late(rng))
        reduced_chunks(got, arrays, "add", told("reduce_scatter", arrays, "add"))


@of_reduce_scatter(
    points=3,
    title="right on ranks that share no memory",
    hint="Here each rank is a process of its own: only messages connect them.",
)
def reduces_apart(student, rng):
    arrays = drawn(3, 7, rng)
    got, what = run(student, "reduce_scatter", arrays, apart=True), "three processes"
    reduced_chunks(got, arrays, "add", what)
    bytes_sent(got, [8 * (7 - size) for size in (2, 2, 3)], what)


# Allgather.


@of_allgather(
    points=6,
    title="everybody ends with all chunks",
    hint="First a rank sends its own chunk, then always the one that has just come.",
)
def gathers_any_array(student, rng):
    for ranks, length, op, dtype in cases(rng, 3):
        whole = drawn(1, length, rng, dtype)[0]
        got = run(student, "allgather", scattered(whole, ranks, rng), op)
        everywhere(got, whole, f"allgather on {ranks} ranks, {length} × {whole.dtype}")


@of_allgather(
    points=6,
    title="P - 1 rounds, and every chunk but one sent once",
    hint="The chunk that a rank need not send is that of its right neighbour.",
)
def gathers_at_the_price_of_a_ring(student, rng):
    for ranks, length in ((2, 10), (4, 12), (5, 23), (7, 5)):
        whole, what = drawn(1, length, rng)[0], f"allgather on {ranks} ranks, {length} × float64"
        got = run(student, "allgather", scattered(whole, ranks, rng))
        everywhere(got, whole, what)
        sizes = [8 * (part.stop - part.start) for part in bounds(length, ranks)]
        bytes_sent(got, [8 * length - sizes[(r + 1) % ranks] for r in range(ranks)], what)
        of_the_ring(got, ranks, what)


@of_allgather(
    points=4,
    title="no deadlock when no message leaves before it is asked for",
    hint="If all send first, nobody receives. Which method does both at once?",
)
def gathers_without_buffers(student, rng):
    for ranks in (2, 5):
        whole = drawn(1, 12, rng)[0]
        got = run(student, "allgather", scattered(whole, ranks, rng), **late(rng))
        everywhere(got, whole, f"allgather on {ranks} ranks")


@of_allgather(
    points=2,
    title="right on ranks that share no memory",
    hint="Here each rank is a process of its own: only messages connect them.",
)
def gathers_apart(student, rng):
    whole = drawn(1, 7, rng)[0]
    got = run(student, "allgather", scattered(whole, 3, rng), apart=True)
    everywhere(got, whole, "three processes")
    bytes_sent(got, [8 * (7 - size) for size in (2, 3, 2)], "three processes")


def of_the_ring(got, ranks, what):
    """Raise `Wrong` unless rounds and messages are those of half a ring."""
    if got.traffic.rounds != ranks - 1:
        raise Wrong(f"{what}: {got.traffic.rounds} rounds, where a ring has {ranks - 1}")
    if got.traffic.sent_messages.tolist() != [ranks - 1] * ranks:
        sent = got.traffic.sent_messages.tolist()
        raise Wrong(f"{what}: expected {ranks - 1} messages from each rank, got {sent}")


# Trees.

SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 31, 32, 33, 100)


@of_trees(
    points=5,
    title="two binary trees that reach every rank",
    hint="One root each, whose parent is -1; follow the parents from any rank and you get there.",
)
def are_binary_trees(student, rng):
    for ranks in (*SIZES, int(rng.integers(34, 200))):
        for tree in trees_of(student, ranks):
            height(tree, f"two_trees({ranks})")
            most = max(map(len, children(tree)))
            assert most <= 2, f"two_trees({ranks}): a rank has {most} children in {tree}"


@of_trees(
    points=6,
    title="nobody has children in both",
    needs="are_binary_trees",
    hint="How many ranks of your first tree have children? Number the others first in the second.",
)
def are_inner_in_one_tree_only(student, rng):
    for ranks in (*SIZES, int(rng.integers(34, 200))):
        one, other = map(children, trees_of(student, ranks))
        both = [rank for rank in range(ranks) if one[rank] and other[rank]]
        assert not both, f"two_trees({ranks}): rank {both[0]} has children in both trees"


@of_trees(
    points=4,
    title="no way to the root longer than floor(log2 P)",
    needs="are_binary_trees",
    hint="The root's left half may be as full as a tree of its height can be.",
)
def are_low(student, rng):
    for ranks in (*SIZES, int(rng.integers(34, 200))):
        for tree in trees_of(student, ranks):
            got, most = height(tree, ""), ranks.bit_length() - 1
            assert got <= most, f"two_trees({ranks}): a way of {got} steps, at most {most} needed"


# Allreduce over both.


@of_double(
    points=8,
    title="everybody ends with the result of all",
    hint="Two halves, each with its own tree and tags; a half may be empty, and so may a segment.",
)
def double_reduces_any_array(student, rng):
    for ranks, length, op, dtype in cases(rng, 3):
        arrays, segments = drawn(ranks, length, rng, dtype), int(rng.integers(1, 4))
        got = run(student, "double_tree_allreduce", arrays, op, segments)
        everywhere(got, combined(arrays, op), told("double_tree_allreduce", arrays, op, segments))


@of_double(
    points=6,
    title="2 (P - 1) n bytes in all, and nobody sends more than 2 n",
    hint="Up: all but the root send a half once. Down: each inner rank sends it to each child.",
)
def double_sends_no_byte_too_many(student, rng):
    for ranks, segments in ((2, 1), (5, 2), (8, 3)):
        arrays = drawn(ranks, 24, rng)
        got = run(student, "double_tree_allreduce", arrays, "add", segments)
        what = told("double_tree_allreduce", arrays, "add", segments)
        everywhere(got, combined(arrays, "add"), what)
        n, sent = arrays[0].nbytes, got.traffic.sent_bytes
        total, most = int(sent.sum()), int(sent.max())
        assert total == 2 * (ranks - 1) * n, (
            f"{what}: {total:,} bytes in all, expected {2 * (ranks - 1) * n:,}"
        )
        assert most <= 2 * n, f"{what}: one rank sent {most:,} bytes, at most {2 * n:,} are needed"


@of_double(
    points=4,
    title="no deadlock when no message leaves before it is asked for",
    hint="A Send that waits for its receiver holds up all that comes after it. Isend does not.",
)
def double_without_buffers(student, rng):
    for ranks, segments in ((3, 2), (6, 3)):
        arrays = drawn(ranks, 17, rng)
        got = run(student, "double_tree_allreduce", arrays, "add", segments, **late(rng))
        what = told("double_tree_allreduce", arrays, "add", segments)
        everywhere(got, combined(arrays, "add"), what)


@of_double(
    points=5,
    title="few steps: half an array is two climbs of a tree away",
    hint="Nobody need wait in one tree before it does what it could do in the other.",
)
def double_takes_few_steps(student, rng):
    ranks, alpha = 14, 1e-5
    arrays = drawn(ranks, 2, rng)
    got = run(
        student, "double_tree_allreduce", arrays, "add", 1, topology=flat(ranks, alpha, 0), eager=0
    )
    what = told("double_tree_allreduce", arrays, "add", 1)
    everywhere(got, combined(arrays, "add"), what)
    steps = round(got.seconds / alpha)
    assert steps <= 14, f"{what}: {steps} messages one after the other, at most 14 needed"


@of_double(
    points=7,
    title="segments follow each other up and down, in both trees at once",
    hint="Does a rank wait in one tree before it does what it could do in the other? What a leaf "
    "sends depends on nobody, and nobody depends on what it receives.",
)
def double_keeps_the_links_busy(student, rng):
    alpha, beta, ranks, segments = 5e-6, 1e-7, 14 + int(rng.integers(4)), 8
    arrays = drawn(ranks, 2048, rng)
    network = flat(ranks, alpha, beta)
    given = ("double_tree_allreduce", arrays, "add", segments)
    got = run(student, *given, topology=network, eager=0)
    everywhere(got, combined(arrays, "add"), told(*given))
    times = got.seconds / price(ranks, arrays[0].nbytes, segments, alpha, beta)
    assert times <= 2, (
        f"{told(*given)}: {times:.2f} times 4 (h + k - 1) (α + β n / 2k) long, at most 2 needed"
    )


@of_double(
    points=5,
    title="right on processes that run at the same time",
    hint="Here nobody waits for a clock: messages come when they come.",
)
def double_on_processes(student, rng):
    arrays = drawn(4, 9, rng)
    got = route(student, "double_tree_allreduce", [(array, "add", 2) for array in arrays])
    everywhere(got, combined(arrays, "add"), "four processes")
    total = int(got.traffic.sent_bytes.sum())
    assert total == 2 * 3 * 72, f"four processes: {total:,} bytes sent in all, expected 2 * 3 * 72"


@of_double(
    points=10,
    title="the best number of segments",
    hint="The price is a constant, a term with k and one with 1/k: where is their sum least?",
)
def chooses_the_segments(student, rng):
    drawn_ones = [
        (
            int(rng.integers(1, 3000)),
            float(np.round(10 ** rng.uniform(0, 9))),
            float(10 ** rng.uniform(-7, -4)),
            float(10 ** rng.uniform(-12, -8)),
        )
        for _ in range(20)
    ]
    for ranks, nbytes, alpha, beta in [(4, 4.2, 1.0, 1.0), (8, 0.0, 1e-6, 1e-9), *drawn_ones]:
        call = f"best_segments({ranks}, {nbytes:.0f}, {alpha:.3g}, {beta:.3g})"
        got = typed(student.call("best_segments", ranks, nbytes, alpha, beta), int, call)
        assert 1 <= got < 10**15, f"{call}: got a number that is not between 1 and 10**15"
        costs = [price(ranks, nbytes, k, alpha, beta) for k in (got, *around(got))]
        assert costs[0] <= min(costs) * (1 + 1e-12), f"{call}: {got}, but others cost less"
    most = typed(student.call("best_segments", 1 << 20, 1e15, 1e-9, 1e-9), int, "the number")
    assert 10**7 < most < 10**9, "best_segments(2**20, 1e15, 1e-9, 1e-9): not nearly the best"


def around(k):
    """Other numbers of segments: the price has one valley, and these show whether k is in it."""
    return {max(1, k - 1), k + 1, max(1, k // 2), 2 * k, 1}
