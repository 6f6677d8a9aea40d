"""The checks of the tensor lab. Layouts are tried on memory of our own; plans are executed.

NumPy is the oracle: its views, its reshape, its einsum. A student's view never sees a number: it is
a shape, strides and an offset, and so it cannot copy. Whatever an operand's elements do not occupy
of its memory holds NaN.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from autograder import Wrong, check, close, typed

from .copies import as_few_copies_as_can_be
from .places import (
    Place,
    a_run,
    answer,
    anywhere,
    dealt,
    drawn_lengths,
    drawn_shape,
    half_merged,
    joined,
    numbered,
    refused,
    same_view,
    shown,
    whole,
)
from .plans import (
    FEW_COPIES,
    GROUPS,
    MEANINGLESS,
    NO_COPY,
    OWN_LETTERS,
    PRODUCTS,
    RENAMED,
    SUMS,
    any_cases,
    how_planned,
    in_memory,
    no_wasted_multiply_adds,
    share,
    views_alone,
)

CHAPTER = "foundations/tensor"
Array = np.ndarray

of_memory = partial(check, task="memory", section=f"{CHAPTER}#strides")
of_views = partial(check, task="views", section=f"{CHAPTER}#views")
of_reshape = partial(check, task="reshape", section=f"{CHAPTER}#reshape")
of_letters = partial(check, task="letters", section=f"{CHAPTER}#views")
of_one = partial(check, task="one", section=f"{CHAPTER}#broadcasting")
of_two = partial(check, task="two", section=f"{CHAPTER}#broadcasting")
of_groups = partial(check, task="groups", section=f"{CHAPTER}#reshape")
of_copies = partial(check, task="copies", section=f"{CHAPTER}#reshape")


# From an index to a place in memory.


@of_memory(
    points=3,
    title="strides without a gap",
    hint="The last axis has stride 1. How many elements does one step on the axis before it skip?",
)
def strides_without_a_gap(student, rng):
    for shape in [(), (3,), (2, 0, 3), (1, 4), *(drawn_shape(rng, 2, 5) for _ in range(10))]:
        call = f"contiguous_strides({shape})"
        got = whole(answer(student, call, "on_shapes", "contiguous_strides", shape), call)
        full = np.empty([max(n, 1) for n in shape], np.int8)  # of bytes, so that strides are ours
        assert tuple(got) == full.strides, f"{call}: expected {full.strides}, got {tuple(got)}"


@of_memory(
    points=3,
    title="where an element lies",
    hint="An index below 0 counts from the end: resolve it before you multiply. Begin at offset. "
    "There must be as many indices as axes.",
)
def where_an_element_lies(student, rng):
    for _ in range(20):
        place = anywhere(rng, drawn_shape(rng, 0, 4))
        index = [int(rng.integers(-n, n)) for n in place.shape]
        want = int(numbered(place)[1][tuple(index)])
        call = f"position({place}, {tuple(index)})"
        got = answer(student, call, "on_layout", "position", place.plain, index)
        assert type(got) is int, f"{call} should be a whole number, got {shown(got)}"
        assert got == want, f"{call}: expected {want}, got {shown(got)}"
    place = anywhere(rng, (2, 3))
    for index in ([2, 0], [0, -4], [0], [0, 0, 0]):
        kind, _ = student.run_raises("on_layout", "position", place.plain, index)
        call = f"position({place}, {tuple(index)})"
        assert kind == "IndexError", f"{call} should raise IndexError, got {kind or 'a number'}"


@of_memory(
    points=3,
    title="from the lowest position to the highest",
    hint="Where is the last element of an axis whose stride is negative? And a range ends one "
    "behind the highest position.",
)
def from_lowest_to_highest(student, rng):
    cases = [anywhere(rng, drawn_shape(rng, 0, 4)) for _ in range(15)]
    for place in [*cases, Place((3, 2), (0, 1), 4), Place((3, 0), (2, 1), 5)]:
        call = f"extent({place})"
        got = whole(answer(student, call, "on_layout", "extent", place.plain), call)
        assert len(got) == 2, f"{call} should be a range, got {shown(got)}"
        at = place.positions
        if at.size:
            want = range(int(at.min()), int(at.max()) + 1)
            assert range(*got) == want, f"{call}: expected {want}, got {range(*got)}"
        else:
            assert not range(*got), f"{call} should be empty, got {range(*got)}"


# Views.


@of_views(
    points=4,
    title="repeats by a stride of 0",
    hint="Shapes are aligned at the last axis. New axes in front and axes of length 1 that grow "
    "have stride 0; the others keep theirs.",
)
def repeats_by_a_stride_of_0(student, rng):
    for _ in range(20):
        wide = drawn_shape(rng, 1, 4)
        kept = [1 if rng.random() < 0.4 else n for n in wide[rng.integers(0, len(wide)) :]]
        place = anywhere(rng, kept)
        memory, x = numbered(place)
        call = f"broadcast_to({place}, {wide})"
        got = answer(student, call, "on_layout", "broadcast_to", place.plain, list(wide))
        same_view(got, np.broadcast_to(x, wide), memory, call)
    for shape, target in (((2, 3), [3, 3]), ((3,), [3, 2]), ((1, 3), [3]), ((4, 1), [1, 1])):
        refused(student, "broadcast_to", anywhere(rng, shape), target)


@of_views(
    points=4,
    title="a diagonal",
    hint="One step on it is a step on both axes. Its axis comes last; it ends where the shorter of "
    "the two ends. Axis -1 is the last.",
)
def takes_a_diagonal(student, rng):
    for _ in range(20):
        place = anywhere(rng, drawn_shape(rng, 2, 4))
        memory, x = numbered(place)
        first, second = rng.permutation(x.ndim)[:2].tolist()
        second -= x.ndim * int(rng.integers(2))
        call = f"diagonal({place}, {first}, {second})"
        got = answer(student, call, "on_layout", "diagonal", place.plain, first, second)
        same_view(got, np.diagonal(x, 0, first, second), memory, call)
    refused(student, "diagonal", anywhere(rng, (3, 3)), 1, -1)


@of_views(
    points=4,
    title="windows that overlap",
    hint="In an axis of 5, windows of 3 begin at 0, 1 and 2; every second one at 0 and 2. Inside a "
    "window the stride is the old one.",
)
def windows_overlap(student, rng):
    for size, step in [(2, 2), (5, 1), *rng.integers(1, (6, 4), (18, 2)).tolist()]:
        outer = drawn_shape(rng, 0, 2)
        place = anywhere(rng, [*outer, 5, *drawn_shape(rng, 0, 1)])
        memory, x = numbered(place)
        axis = len(outer)
        every = sliding_window_view(x, size, axis)
        want = every[(slice(None),) * axis + (slice(None, None, step),)]
        axis -= x.ndim * int(rng.integers(2))
        call = f"windows({place}, {size}, {axis}, {step})"
        got = answer(student, call, "on_layout", "windows", place.plain, size, axis, step)
        same_view(got, want, memory, call)
    for size, step in ((0, 1), (4, 1), (2, 0)):
        refused(student, "windows", anywhere(rng, (2, 3)), size, 1, step)


# Axes merged, and split.


@of_reshape(
    points=7,
    title="as few axes as can walk all operands",
    hint="Go from the outermost axis inwards. It is one with its inner neighbour if, in each "
    "operand, its stride is the neighbour's length times the neighbour's stride. Drop axes of "
    "length 1 first, whatever their stride.",
)
def as_few_axes_as_can_walk(student, rng):
    cases = [((2, 1, 3), [(3, 7, 1)]), ((2, 3), [(3, 1), (4, 1)]), ((2, 3), [(4, 1), (3, 1)])]
    for count in (1, 1, 1, 2, 2, 3) * 4:
        shape = drawn_shape(rng, 1, 5)
        cases.append((shape, [half_merged(rng, shape) for _ in range(count)]))
    for shape, operands in cases:
        count = len(operands)
        call = f"collapse({', '.join(map(str, (shape, *operands)))})"
        reply = answer(student, call, "on_shapes", "collapse", shape, *operands)
        runs = [a_run(run, count, call) for run in typed(reply, list, call)]
        lengths = tuple(length for length, _ in runs)
        for k, strides in enumerate(operands):
            walk = Place(lengths, tuple(steps[k] for _, steps in runs)).positions.ravel()
            want = Place(shape, strides).positions.ravel()
            close(walk, want, rtol=0, what=f"{call}: positions in operand {k} in turn")
        fewest = len(joined(shape, operands))
        assert len(runs) == fewest, f"{call}: expected {fewest} axes, got {shown(reply)}"


@of_reshape(
    points=8,
    title="a view where there is one, None where there is none",
    hint="Cut new axes off the runs from the right: a new axis must lie inside one run. Its stride "
    "is that of what it is cut from; what is left of the run is shorter, with a longer stride.",
)
def a_view_where_there_is_one(student, rng):
    cases = [((4, 2, 3), (12, 3, 1), (2, 2, 6)), ((4, 2, 3), (12, 3, 1), (8, 3))]
    cases += [((2, 3), (1, 2), (6,)), ((2, 1, 3), (3, 7, 1), (6,)), ((1, 6), (5, 2), (3, 1, 2, 1))]
    cases += [((4, 3), (4, 1), (2, 3, 2)), ((1,), (1,), ())]
    for _ in range(25):
        parts = [2, 2, 3, *rng.choice([2, 3], int(rng.integers(0, 2))).tolist(), 1]
        shape, target = (dealt(rng, parts) for _ in range(2))
        cases.append((shape, half_merged(rng, shape), target))
    for shape, strides, target in cases:
        memory, x = numbered(Place(shape, strides))
        call = f"reshaped_strides({shape}, {strides}, {target})"
        got = answer(student, call, "on_shapes", "reshaped_strides", shape, strides, target)
        want = x.reshape(target)
        if not np.may_share_memory(want, memory):
            assert got is None, f"{call}: expected None, a copy is needed; got {shown(got)}"
            continue
        assert got is not None, f"{call}: expected strides, there is a view; got None"
        same_view([list(target), got, 0], want, memory, call)


# Letters for axes.


@of_letters(
    points=6,
    title="a letter's length, and its stride",
    hint='What does one step along i do in "ii", where both indices grow by 1?',
)
def adds_strides(student, rng):
    for names in ("", "i", "ij", "ii", "iji", "jjii", "kkk", "abcba"):
        for _ in range(3):
            lengths = drawn_lengths(rng, names)
            place = anywhere(rng, [lengths[letter] for letter in names])
            call = f"letter_axes({names!r}, {place})"
            got = answer(student, call, "letter_axes", names, place.plain)
            got = {letter: whole(axis, call) for letter, axis in typed(got, dict, call).items()}
            x = np.einsum(f"{names}->{''.join(lengths)}", numbered(place)[1])  # a view
            steps = [stride // x.itemsize for stride in x.strides]
            axes = zip(lengths, x.shape, steps, strict=True)
            want = {letter: [n, step] for letter, n, step in axes}
            if got != want:
                raise Wrong(f"{call}: expected {shown(want)}, got {shown(got)}")
    odd = [("ii", (2, 3)), ("ii", (1, 3)), ("ijij", (2, 3, 2, 4))]  # and letters, not one an axis
    for names, shape in [*odd, ("ij", (2, 3, 4)), ("ijk", (2, 3))]:
        kind, _ = student.run_raises("letter_axes", names, Place(shape, shape).plain)
        call = f"letter_axes({names!r}, ...) of shape {shape}"
        assert kind == "ValueError", f"{call} should raise ValueError, got {kind or 'an answer'}"


# Plans.


# einsum of one array.


@of_one(
    points=6,
    title="a view, where nothing is summed",
    hint="The plan has no steps. The result is a view of a, with an axis for each letter behind "
    "the arrow. Mind the offset.",
)
def renames(student, rng):
    return share(student, rng, any_cases(rng, RENAMED), views_alone)


@of_one(
    points=8,
    title="a sum is a product by ones",
    hint="A view of the number 1, with strides 0, may have any shape. The letters to sum are "
    "inner; those to keep are rows, or batch and rows.",
)
def sums(student, rng):
    cases = in_memory(rng, "ijk->ki ijk") + any_cases(rng, SUMS)
    return share(student, rng, cases, no_wasted_multiply_adds)


# einsum of two arrays.


@of_two(
    points=9,
    title="one letter in each group",
    hint="The batch is what stands in both operands and behind the arrow, inner what stands in "
    "both, not behind it; rows are a's own, columns b's. A group without letters has length 1.",
)
def multiplies(student, rng):
    return share(student, rng, any_cases(rng, PRODUCTS), no_wasted_multiply_adds)


@of_two(
    points=3,
    title="refuses what has no meaning",
    hint="A letter has one length, wherever it stands. Behind the arrow a letter stands once, and "
    "it stands before the arrow, too. All else has a meaning.",
)
def refuses(student, rng):
    for text in MEANINGLESS.strip().split("  "):
        call, kind = how_planned(student, text)
        assert kind == "ValueError", f"{call} should raise ValueError, got {kind or 'a plan'}"
    for text in ("ij,jk->ik 23,34", "ii,ij->j 33,34"):  # whatever the plan is worth
        call, kind = how_planned(student, text)
        assert kind != "ValueError", f"{call} has a meaning, and should not raise ValueError"


@of_two(
    points=5,
    title="a letter of one operand alone is summed first",
    hint="Sum it by a product with the number 1, as in an einsum of one array, and go on with the "
    "buffer that this step has made. In the product of both it would multiply the work.",
)
def sums_first(student, rng):
    return share(student, rng, any_cases(rng, OWN_LETTERS, least=2), no_wasted_multiply_adds)


# Several letters in one group.


@of_groups(
    points=7,
    title="several letters are one axis",
    hint="Whether the letters of a group are one axis, collapse says; copy an operand in which "
    "they are not. Both must walk the letters of batch, and of inner, in one order.",
)
def merges(student, rng):
    return share(student, rng, any_cases(rng, GROUPS), no_wasted_multiply_adds)


# Copies.


@of_copies(
    points=12,
    title="none where none is needed",
    hint="Try all orders of a group, not only the one in which the letters are written. Letters of "
    "length 1 fit anywhere. And if the batch is idle, rows can lend it a letter.",
)
def no_copy(student, rng):
    return share(student, rng, in_memory(rng, NO_COPY), as_few_copies_as_can_be)


@of_copies(
    points=8,
    title="as few elements as can be",
    hint="There are four sets of operands to copy: none, a, b, both. Take the cheapest that leaves "
    "each group one axis. What is copied can be put in any order.",
)
def few_copies(student, rng):
    return share(student, rng, in_memory(rng, FEW_COPIES), as_few_copies_as_can_be)
