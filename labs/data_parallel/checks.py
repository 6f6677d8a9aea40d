"""The checks of the data-parallel lab. The clock and the counters of bytes and messages are those
of a cluster on this side; the student's ranks only call it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from autograder import Wrong, check, close, typed
from autograder.ranks import simulate
from mlsys.distributed.cluster.faults import Faults

from .backward import ALPHA, even, fair, in_time, opposite, run, same_means, uneven, within
from .lowrank import Exchanges, alike, around, drawn, lengths, low_rank, spans

CHAPTER = "distributed/data_parallel"

of_buckets = partial(check, task="buckets", section=f"{CHAPTER}#buckets")
of_overlap = partial(check, task="overlap", section=f"{CHAPTER}#overlap")
of_basis = partial(check, task="basis", section=f"{CHAPTER}#fewer-bytes")
of_lowrank = partial(check, task="lowrank", section=f"{CHAPTER}#fewer-bytes")


# Buckets.


def buckets_of(student, sizes, order, cap):
    buckets = student.call("assign_buckets", sizes, order, cap)
    return typed(buckets, list[list[int]], f"assign_buckets({sizes}, {order}, {cap})")


@of_buckets(
    points=5,
    title="every tensor once, in the order in which they are ready",
    hint="Read the buckets one behind the other: this should be `order` again. No bucket is empty.",
)
def every_tensor_once(student, rng):
    for count in (1, 2, *rng.integers(3, 20, 8).tolist()):
        sizes, order = rng.integers(1, 50, count).tolist(), rng.permutation(count).tolist()
        cap = int(rng.integers(0, 120)) if count > 2 else 0
        got = buckets_of(student, sizes, order, cap)
        call = f"assign_buckets({sizes}, {order}, {cap})"
        assert [t for bucket in got for t in bucket] == order, f"{call}: got {got}"
        assert all(got), f"{call}: a bucket is empty: {got}"


@of_buckets(
    points=6,
    title="as much in a bucket as the cap allows, and no byte more",
    hint="A tensor that just fits belongs in; one that is larger than the cap goes alone, and the "
    "one after it begins a bucket of its own.",
)
def keeps_to_the_cap(student, rng):
    cases = [([4, 4, 4], [2, 1, 0], 8), ([3, 9, 1, 3], [0, 1, 2, 3], 4), ([0, 0, 5], [0, 1, 2], 5)]
    for count in rng.integers(3, 16, 10).tolist():
        sizes = rng.integers(1, 9, count).tolist()
        cases.append((sizes, rng.permutation(count).tolist(), int(rng.integers(2, 20))))
    for sizes, order, cap in cases:
        got = buckets_of(student, sizes, order, cap)
        call = f"assign_buckets({sizes}, {order}, {cap})"
        loads = [sum(sizes[t] for t in bucket if 0 <= t < len(sizes)) for bucket in got]
        for bucket, load in zip(got, loads):
            if load > cap and len(bucket) > 1:
                raise Wrong(f"{call}: bucket {bucket} has {load} bytes, the cap is {cap}: {got}")
        for load, after in zip(loads, got[1:]):
            if load + sizes[after[0]] <= cap:
                raise Wrong(f"{call}: tensor {after[0]} still fits into the bucket before: {got}")
        assert sum(loads) == sum(sizes), f"{call}: tensors are missing: {got}"


@of_buckets(
    points=4,
    title="flatten: one behind the other, row by row, dtype kept",
    hint="reshape(-1) takes a matrix row by row, whatever its strides. Which dtype has the result?",
)
def flattens(student, rng):
    for dtype in (np.float32, np.float64, np.float16):
        shapes = [(3, 2), (), (4,), (0,), (2, 1, 3)]  # as they are before they are transposed
        arrays = [np.asarray(rng.standard_normal(shape)).astype(dtype) for shape in shapes]
        flat, _ = parts_of(student, arrays, [list(array.T.shape) for array in arrays])
        want = np.concatenate([array.T.reshape(-1) for array in arrays])
        close(flat[0], want, rtol=0, what=f"flatten of transposed arrays of shapes {shapes}")
        assert flat[0].dtype == dtype, f"flatten: expected {dtype.__name__}, got {flat[0].dtype}"


@of_buckets(
    points=5,
    title="unflatten: the shapes again, and writing there writes into the flat array",
    hint="A copy does not know the array it was made of. Slices and reshape give views.",
)
def unflattens(student, rng):
    shapes = [(2, 3), (), (1,), (2, 1, 2), (4, 0), (5,)]
    shapes = [shapes[k] for k in rng.permutation(len(shapes))]
    arrays = [np.asarray(rng.standard_normal(shape)) for shape in shapes]
    before, flat = parts_of(student, [array.T for array in arrays], [list(s) for s in shapes])
    for piece, array in zip(before[1:], arrays, strict=True):
        close(piece, array, rtol=0, what=f"unflatten(flatten(arrays), {shapes})")
    filled = [np.full(array.size, number) for number, array in enumerate(arrays, 1)]
    close(flat, np.concatenate(filled).astype(float), rtol=0,
          what="the flat array after the pieces were filled with 1, 2, ...")  # fmt: skip


def parts_of(student, arrays, shapes):
    got = typed(student.run("parts", arrays, shapes), list, "the parts")
    assert len(got) == 2 and type(got[0]) is list, "expected the parts of a flat array"
    before = typed(got[0], list[np.ndarray], "flatten's array and unflatten's")
    assert len(before) == len(arrays) + 1, f"unflatten: expected {len(arrays)} arrays"
    return before, typed(got[1], np.ndarray, "the flat array")


# Sending while computing.


@of_overlap(
    points=6,
    title="the mean of what there is, the same bits everywhere",
    hint="Divide the sum by the number of ranks, once; a rank that has no gradient for a tensor "
    "adds zero, and the number of ranks is still the same. Here each rank has a memory of its own.",
)
def averages(student, rng):
    for ranks in (1, 3):
        case = uneven(rng, ranks, int(rng.integers(5, 9)))
        same_means(case, run(student, case, apart=ranks > 1))


@of_overlap(
    points=6,
    title="one allreduce a bucket, and not a byte more",
    hint="A ring sends 2 (P - 1) messages and 2 (P - 1)/P of the bucket from every rank. Do you "
    "exchange a bucket, or the tensors in it? Does everything go to everybody?",
)
def sends_no_more(student, rng):
    for ranks in (2, 4):
        case = even(rng, ranks, 4, 2, 1, 10 * ranks, 0.01)
        ran = run(student, case)
        same_means(case, ran)
        fair(case, ran)


@of_overlap(
    points=6,
    title="agrees, in whatever order the gradients come",
    hint="If all wait: which allreduce does each rank wait for, and is it at the same place "
    "in everybody's list? Has a rank that waits for its Isend already said where to receive? If "
    "sums are wrong: can a message of one bucket be taken for one of another?",
)
def agrees_on_order(student, rng):
    late = Faults(delay=lambda draw: float(draw.exponential(2 * ALPHA)), seed=int(rng.integers(99)))
    case = opposite(even(rng, 3, 4, 2, 2, 12, 4 * ALPHA))
    same_means(case, run(student, case, eager=0))
    same_means(case, run(student, replace(case, faults=late)))
    case = opposite(uneven(rng, 4, 7))
    same_means(case, run(student, case, buffer=100))


@of_overlap(
    points=8,
    title="hides all buckets but the last behind the backward pass",
    hint="Nothing moves unless you look. Do you look at every opportunity, also where nothing is "
    "ready? Does the backward pass ever stand still for a message?",
)
def hides_buckets(student, rng):
    layers, looks = 6, 10
    slow = Faults(speed={int(rng.integers(2)): 0.7})
    alike = even(rng, 4, layers, 2, looks, 240, 8.5e-3)
    one_is_slow = replace(even(rng, 2, layers, 2, looks, 120, 3e-3), faults=slow)
    for case in (alike, one_is_slow):
        ran = run(student, case)
        same_means(case, ran)
        between = max(case.work(rank) for rank in range(case.ranks)) / (layers * looks)
        in_time(case, ran, between)


@of_overlap(
    points=4,
    title="keeps the wire busy where it is the slower one",
    hint="The first bucket can leave when it is full; from then on something should be under way "
    "at all times. What does a bucket wait for in your program?",
)
def keeps_busy(student, rng):
    layers, looks = 5, 12
    case = even(rng, 3, layers, 1, looks, 400, 5e-3)
    ran = run(student, case)
    same_means(case, ran)
    in_time(case, ran, case.work(0) / (layers * looks))


# A basis of columns.


@of_basis(
    points=5,
    title="right angles, length 1, the same span",
    hint="Take from each column what it has of all columns before it. If 1e-8 is missed only where "
    "columns nearly point the same way: take away a second time what rounding has left.",
)
def columns_are_orthonormal(student, rng):
    for r in (1, 2, 4):
        columns = rng.standard_normal((int(rng.integers(r, 20)), r))
        spans(student.call("orthonormal", columns), columns, 1e-8, f"random {columns.shape}")
    for _ in range(3):
        first = rng.standard_normal((12, 1))
        columns = first + 1e-5 * rng.standard_normal((12, 4))
        what = "four columns that nearly point the same way"
        spans(student.call("orthonormal", columns), columns, 1e-8, what)


@of_basis(
    points=5,
    title="zero columns, and columns that say nothing new",
    hint="What is left of a combination of earlier columns is rounding: small beside the column as "
    "it was. Scaled up to length 1 it would be noise, or a division by zero.",
)
def nothing_is_divided_by_zero(student, rng):
    a, b = rng.standard_normal((2, 10))
    zero = np.zeros(10)
    for scale in (1.0, 1e-20, 1e20):
        for columns in ([zero], [zero, a], [a, zero, b], [a, a], [a, b, a - 2 * b], [zero, zero]):
            given = scale * np.stack(columns, axis=1)
            what = (
                f"{len(columns)} columns of which some are zero or depend on others, of {scale:g}"
            )
            spans(student.call("orthonormal", given), given, 1e-8, what)


# A gradient of low rank.


@of_lowrank(
    points=6,
    title="the same bits on all ranks; what is small goes whole and is exact",
    hint="Vectors, and matrices that two thin ones would not make smaller, are averaged as they "
    "are. The gradients that you are given are not yours to change.",
)
def alike_and_exact(student, rng):
    shapes = [(9, 7), (6,), (3, 4), (1, 5), (8, 6), ()]
    for rank, apart in ((2, True), (1, False)):
        made = Exchanges(student, drawn(rng, 3, shapes, 2), rank, apart=apart)
        alike(made)
        for step, means in enumerate(made.means()):
            for k, mean in enumerate(means):
                if mean.ndim < 2 or rank * sum(mean.shape) >= mean.size:
                    what = f"step {step}: the average of a tensor of shape {mean.shape}"
                    close(made.averages[0][step][k], mean, rtol=1e-9, atol=1e-12, what=what)
                elif np.linalg.matrix_rank(made.averages[0][step][k]) > rank:
                    raise Wrong(f"the average of a matrix {mean.shape} has a rank above {rank}")


@of_lowrank(
    points=8,
    title="two allreduces a step, of rank times (rows + columns) numbers",
    hint="Pack what the first product gives of all matrices into one flat array, with all that "
    "goes whole; and what the second one gives into another.",
)
def sends_two_thin_matrices(student, rng):
    shapes = [(12, 10), (7,), (20, 5), (3, 3), (8, 16)]
    for ranks, rank in ((2, 1), (4, 2)):
        for feedback in (True, False):
            made = Exchanges(student, drawn(rng, ranks, shapes, 2), rank, feedback)
            what = f"two steps with {shapes}, rank {rank}"
            within(made.run, ranks, 2 * lengths(shapes, rank), what)


@of_lowrank(
    points=5,
    title="a mean of low rank comes through whole",
    hint="If M has no higher rank than r, M @ right spans its columns, and left @ left.T @ M is M. "
    "Is it the mean's columns that you span, or those of one rank's own gradient?",
)
def low_rank_is_exact(student, rng):
    for r in (1, 3):
        mean = low_rank(rng, 14, 11, rng.uniform(1, 4, r))
        zero = np.zeros((9, 9))
        idle = np.zeros((10, 8))  # a layer that no rank has used
        given = [[[g, e, idle]] * 3 for g, e in zip(around(rng, mean, 3), around(rng, zero, 3))]
        made = Exchanges(student, given, r)
        for step in made.averages[0]:
            close(step[0], mean, rtol=1e-6, atol=1e-8, what=f"a mean of rank {r}, sent with {r}")
            close(step[1], zero, rtol=0, atol=1e-8, what="a mean of zero")
            close(step[2], idle, rtol=0, atol=1e-12, what="gradients of zero")


@of_lowrank(
    points=6,
    title="the best approximation of its rank, after some steps",
    hint="One product with a random matrix is a guess. The right factor of this step is a better "
    "one for the next: that is how the power method finds singular vectors.",
)
def warms_up(student, rng):
    for r in (1, 2):
        values = np.array([4.0, 3.0, 2.0, 1.5, 1.0])
        values[r:] *= 0.5
        mean = low_rank(rng, 16, 13, values)
        made = Exchanges(student, [[[g]] * 12 for g in around(rng, mean, 2)], r, False)
        best = float(np.linalg.norm(values[r:]))
        got = float(np.linalg.norm(made.averages[0][-1][0] - mean))
        if got > 1.01 * best:
            raise Wrong(
                f"the same gradient 12 times, without feedback: the best matrix of rank {r} is "
                f"{best:.3f} away from the mean, yours {got:.3f}"
            )


@of_lowrank(
    points=8,
    title="nothing is lost: what was applied and what is left make the whole",
    hint="The error of this step is what was to be sent, last step's error included, less what was "
    "applied. It stays on its rank, in state['error'], and is part of the next M.",
)
def nothing_is_lost(student, rng):
    shapes = [(9, 8), (5,), (12, 4)]
    for rank, steps in ((1, 1), (1, 6), (2, 5)):
        made = Exchanges(student, drawn(rng, 3, shapes, steps), rank)
        for k, shape in enumerate(shapes):
            total = np.sum([means[k] for means in made.means()], axis=0)
            applied = np.sum([step[k] for step in made.averages[0]], axis=0)
            left = np.mean([errors[k] for errors in made.errors], axis=0)
            what = f"{steps} step(s), rank {rank}, shape {shape}: applied + mean of the errors"
            close(applied + left, total, rtol=1e-8, atol=1e-9, what=what)


@of_lowrank(
    points=7,
    title="arrives where the ranks agree, however loud they are",
    hint="Each batch pulls hard in a direction that the next one takes back, and that fills the "
    "one rank there is. What does the quiet part need to be sent at all?",
)
def arrives(student, rng):
    loud = low_rank(rng, 10, 8, np.array([3.0]))
    u, _, v = np.linalg.svd(loud)
    target = low_rank(rng, 10, 8, np.array([1.0]))
    quiet = np.eye(10) - np.outer(u[:, 0], u[:, 0]), np.eye(8) - np.outer(v[0], v[0])
    target = quiet[0] @ target @ quiet[1]
    target /= np.linalg.norm(target)
    arguments = [(own, loud, 60, 0.05) for own in around(rng, target, 2)]
    ran = simulate(student, "descends", arguments)
    got = typed(ran.values[0], np.ndarray, "x")
    assert got.shape == target.shape, f"x should have shape {target.shape}, got {got.shape}"
    far = np.linalg.norm(quiet[0] @ got @ quiet[1] - target)
    if not far < 0.5:
        raise Wrong(
            f"60 steps with rank 1: what all batches agree on is 1 away in the beginning; "
            f"expected at most 0.5 in the end, got {far:.3f}"
        )
