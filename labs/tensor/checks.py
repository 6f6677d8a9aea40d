"""The checks of the tensor lab. Layouts are tried on memory of our own; plans are executed here.

NumPy is the oracle: its views, its reshape, its einsum. A student's view never sees a number: it is
a shape, strides and an offset, and so it cannot copy. Whatever an operand's elements do not occupy
of its memory holds NaN.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view

from autograder import Score, StudentError, Wrong, check, close, typed

CHAPTER = "foundations/tensor"
Array = np.ndarray
LARGEST = 100_000  # elements of a view; the largest that is needed has some thousands

of_memory = partial(check, task="memory", section=f"{CHAPTER}#strides")
of_views = partial(check, task="views", section=f"{CHAPTER}#views")
of_reshape = partial(check, task="reshape", section=f"{CHAPTER}#reshape")
of_letters = partial(check, task="letters", section=f"{CHAPTER}#views")
of_one = partial(check, task="one", section=f"{CHAPTER}#broadcasting")
of_two = partial(check, task="two", section=f"{CHAPTER}#broadcasting")
of_groups = partial(check, task="groups", section=f"{CHAPTER}#reshape")
of_copies = partial(check, task="copies", section=f"{CHAPTER}#reshape")


class Place(NamedTuple):
    """Shape, strides, offset; in a message, as the student would write it."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0

    @property
    def plain(self) -> list[Any]:
        return [list(self.shape), list(self.strides), self.offset]

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def positions(self) -> Array:
        axes = zip(self.shape, self.strides, strict=True)
        steps = [np.arange(n) * stride for n, stride in axes]
        grid = np.ix_(*steps) if steps else ()
        return np.broadcast_to(sum(grid, start=np.int64(self.offset)), self.shape)

    def __str__(self) -> str:
        return f"Layout({self.shape}, {self.strides}, {self.offset})"


def a_place(reply: Any, what: str) -> Place:
    """A layout in a reply, with numbers that can be computed with."""
    parts = typed(reply, list, what)
    if len(parts) != 3 or not all(type(part) is list for part in parts[:2]):
        raise Wrong(f"{what} should be a Layout, got {reply!s:.60}")
    shape, strides = (whole(part, f"{what}: lengths and strides") for part in parts[:2])
    (offset,) = whole(parts[2:], f"the offset of {what}")
    if len(shape) != len(strides) or min(shape, default=0) < 0:
        raise Wrong(f"{what} should have a stride for each length, got {shape} and {strides}")
    if len(shape) > 16 or math.prod(max(n, 1) for n in shape) > LARGEST:
        raise Wrong(f"{what} should be smaller, got shape {tuple(shape)!s:.60}")
    return Place(tuple(shape), tuple(strides), offset)


def whole(reply: Any, what: str) -> list[int]:
    numbers = typed(reply, list[int], what)
    if any(number.bit_length() > 40 for number in numbers):
        raise Wrong(f"{what} should be smaller numbers")
    return numbers


def elements(place: Place, memory: Array, what: str) -> Array:
    """What lies there; raises Wrong if the layout reaches outside of the memory."""
    at = place.positions
    if at.size and not (at.min() >= 0 and at.max() < len(memory)):
        reach = f"reaches from position {at.min()} to {at.max()}"
        raise Wrong(f"{what}: {place} {reach}, the buffer from 0 to {len(memory) - 1}")
    return memory[at]


def a_layout(
    rng, shape: Sequence[int], order: Sequence[int] | None = None, gaps: Sequence[int] = ()
) -> Place:
    """Elements somewhere in memory, each at a place of its own.

    order: the axes from the largest stride to the smallest, at random if None; gaps: axes whose
    neighbours do not begin where the axes within them end.
    """
    strides, step, offset = [0] * len(shape), 1, int(rng.integers(0, 4))
    for axis in reversed(rng.permutation(len(shape)).tolist() if order is None else order):
        step += int(rng.integers(1, 3)) * (axis in gaps)
        strides[axis] = step
        step *= shape[axis]
    return Place(tuple(shape), tuple(strides), offset)


def turned(rng, place: Place) -> Place:
    """The same memory, some of the axes walked backwards."""
    strides, offset = list(place.strides), place.offset
    for axis in np.flatnonzero(rng.random(len(strides)) < 0.4):
        offset += (place.shape[axis] - 1) * strides[axis]
        strides[axis] *= -1
    return Place(place.shape, tuple(strides), offset)


def anywhere(rng, shape: Sequence[int]) -> Place:
    """Any order of the axes, gaps, some axes backwards."""
    gaps = np.flatnonzero(rng.random(len(shape)) < 0.5).tolist()
    return turned(rng, a_layout(rng, shape, None, gaps))


def numbered(place: Place) -> tuple[Array, Array]:
    """Memory in which each number is its position; NumPy's array of the layout over it."""
    memory = np.arange(int(place.positions.max(initial=0)) + 3)
    return memory, numpys(place, memory)


def numpys(place: Place, memory: Array) -> Array:
    steps = [stride * memory.itemsize for stride in place.strides]
    return as_strided(memory[place.offset :], place.shape, steps)


def drawn_shape(rng, least: int, most: int) -> tuple[int, ...]:
    return tuple(rng.integers(1, 5, int(rng.integers(least, most + 1))).tolist())


# From an index to a place in memory.


@of_memory(
    points=3,
    title="strides without a gap",
    hint="The last axis has stride 1. How many elements does one step on the axis before it skip?",
)
def strides_without_a_gap(student, rng):
    for shape in [(), (3,), (2, 0, 3), (1, 4), *(drawn_shape(rng, 2, 5) for _ in range(10))]:
        got = whole(student.run("on_shapes", "contiguous_strides", shape), "the strides")
        full = np.empty([max(n, 1) for n in shape], np.int8)  # of bytes, so that strides are ours
        assert tuple(got) == full.strides, (
            f"contiguous_strides({shape}): expected {full.strides}, got {tuple(got)}"
        )


@of_memory(
    points=3,
    title="where an element lies",
    hint="An index below 0 counts from the end: resolve it before you multiply. Begin at offset.",
)
def where_an_element_lies(student, rng):
    for _ in range(20):
        place = anywhere(rng, drawn_shape(rng, 0, 4))
        index = [int(rng.integers(-n, n)) for n in place.shape]
        want = int(numbered(place)[1][tuple(index)])
        asked = f"position({place}, {tuple(index)})"
        (got,) = whole([student.run("on_layout", "position", place.plain, index)], asked)
        assert got == want, f"{asked}: expected {want}, got {got}"
    place = anywhere(rng, (2, 3))
    for index in ([2, 0], [0, -4], [0], [0, 0, 0]):
        kind, _ = student.run_raises("on_layout", "position", place.plain, index)
        asked = f"position({place}, {tuple(index)})"
        assert kind == "IndexError", f"{asked} should raise IndexError, got {kind or 'a number'}"


@of_memory(
    points=3,
    title="from the lowest position to the highest",
    hint="Where is the last element of an axis whose stride is negative? And a range ends one "
    "behind the highest position.",
)
def from_lowest_to_highest(student, rng):
    cases = [anywhere(rng, drawn_shape(rng, 0, 4)) for _ in range(15)]
    for place in [*cases, Place((3, 2), (0, 1), 4), Place((3, 0), (2, 1), 5)]:
        got = whole(student.run("on_layout", "extent", place.plain), "the extent, a range,")
        at = place.positions
        if at.size:
            want = [int(at.min()), int(at.max()) + 1]
            assert got == want, f"extent({place}): expected {want}, got {got}, as [start, stop]"
        else:
            assert len(got) == 2 and got[0] >= got[1], f"extent({place}) should be empty: {got}"


# Views.


def same_view(reply: Any, want: Array, memory: Array, call: str) -> None:
    place = a_place(reply, call)
    if place.shape != want.shape:
        raise Wrong(f"{call} should have shape {want.shape}, got {place}")
    close(elements(place, memory, call), want, rtol=0, what=f"{call}, which is {place}")


def refused(student, name: str, place: Place, *arguments: Any) -> None:
    kind, _ = student.run_raises("on_layout", name, place.plain, *arguments)
    words = ", ".join(str(tuple(a) if isinstance(a, list) else a) for a in arguments)
    asked = f"{name}({place}, {words})"
    assert kind == "ValueError", f"{asked} should raise ValueError, got {kind or 'a layout'}"


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
        got = student.run("on_layout", "broadcast_to", place.plain, list(wide))
        same_view(got, np.broadcast_to(x, wide), memory, f"broadcast_to({place}, {wide})")
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
        got = student.run("on_layout", "diagonal", place.plain, first, second)
        want, call = np.diagonal(x, 0, first, second), f"diagonal({place}, {first}, {second})"
        same_view(got, want, memory, call)
    refused(student, "diagonal", anywhere(rng, (3, 3)), 1, -1)


@of_views(
    points=4,
    title="windows that overlap",
    hint="In an axis of 5, windows of 3 begin at 0, 1 and 2; every second one at 0 and 2. Inside a "
    "window the stride is the old one.",
)
def windows_overlap(student, rng):
    for _ in range(20):
        place = anywhere(rng, [*drawn_shape(rng, 0, 2), 5, *drawn_shape(rng, 0, 1)])
        memory, x = numbered(place)
        axis = int(rng.integers(x.ndim))
        size, step = int(rng.integers(1, x.shape[axis] + 1)), int(rng.integers(1, 4))
        every = sliding_window_view(x, size, axis)
        want = every[(slice(None),) * axis + (slice(None, None, step),)]
        axis -= x.ndim * int(rng.integers(2))
        got = student.run("on_layout", "windows", place.plain, size, axis, step)
        same_view(got, want, memory, f"windows({place}, {size}, {axis}, {step})")
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
        reply = student.run("on_shapes", "collapse", shape, *operands)
        runs = [a_run(run, count, call) for run in typed(reply, list, call)]
        lengths = tuple(length for length, _ in runs)
        for k, strides in enumerate(operands):
            walk = Place(lengths, tuple(steps[k] for _, steps in runs)).positions.ravel()
            want = Place(shape, strides).positions.ravel()
            close(walk, want, rtol=0, what=f"{call}: positions in operand {k} in turn")
        fewest = len(joined(shape, operands))
        assert len(runs) == fewest, f"{call}: expected {fewest} axes, got {runs}"


def half_merged(rng, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides that often, not always, go on from those of the inner neighbour."""
    strides, step = [], int(rng.integers(1, 3))
    for n in reversed(shape):
        strides.append(step if n > 1 else 7)  # of an axis of length 1, the stride means nothing
        step = (step * n if n > 1 else step) + int(rng.random() < 0.25)
    return tuple(reversed(strides))


def joined(shape: tuple[int, ...], operands: list[tuple[int, ...]]) -> list[int]:
    """The axes that begin a run: those whose outer neighbour is not a walk along them."""
    long = [axis for axis, n in enumerate(shape) if n > 1]
    pairs = itertools.pairwise(long)
    breaks = [i for o, i in pairs if any(s[o] != shape[i] * s[i] for s in operands)]
    return long[:1] + breaks


def a_run(run: Any, count: int, call: str) -> tuple[int, list[int]]:
    length, steps = run if type(run) is list and len(run) == 2 else (None, None)
    if type(length) is not int or type(steps) is not list or len(steps) != count:
        raise Wrong(f"{call}: a run is a length and a tuple of {count} strides, got {run!s:.60}")
    (length,) = whole([length], call)
    if not 1 < length <= LARGEST:
        raise Wrong(f"{call}: a run should have a length above 1, got {length}")
    return length, whole(steps, call)


@of_reshape(
    points=8,
    title="a view where there is one, None where there is none",
    hint="Cut new axes off the runs from the right: a new axis must lie inside one run. Its stride "
    "is that of what it is cut from; what is left of the run is shorter, with a longer stride.",
)
def a_view_where_there_is_one(student, rng):
    cases = [((4, 2, 3), (12, 3, 1), (2, 2, 6)), ((4, 2, 3), (12, 3, 1), (8, 3))]
    cases += [((2, 3), (1, 2), (6,)), ((2, 1, 3), (3, 7, 1), (6,)), ((1, 6), (5, 2), (3, 1, 2, 1))]
    cases += [((1,), (1,), ())]
    for _ in range(25):
        parts = [2, 2, 3, *rng.choice([2, 3], int(rng.integers(0, 2))).tolist(), 1]
        shape, target = (dealt(rng, parts) for _ in range(2))
        cases.append((shape, half_merged(rng, shape), target))
    for shape, strides, target in cases:
        memory, x = numbered(Place(shape, strides))
        call = f"reshaped_strides({shape}, {strides}, {target})"
        got = student.run("on_shapes", "reshaped_strides", shape, strides, target)
        want = x.reshape(target)
        if not np.may_share_memory(want, memory):
            assert got is None, f"{call}: expected None, a copy is needed; got {got!s:.60}"
            continue
        assert got is not None, f"{call}: expected strides, there is a view; got None"
        same_view([list(target), got, 0], want, memory, call)


def dealt(rng, parts: list[int]) -> tuple[int, ...]:
    """The factors, in some order, multiplied into a few axes."""
    parts = rng.permutation(parts).tolist()
    cuts = sorted({0, len(parts), *rng.integers(1, len(parts), 3).tolist()})
    return tuple(math.prod(parts[i:j]) for i, j in itertools.pairwise(cuts))


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
            got = typed(student.run("letter_axes", names, place.plain), dict[str, list[int]], call)
            x = np.einsum(f"{names}->{''.join(lengths)}", numbered(place)[1])  # a view
            steps = [stride // x.itemsize for stride in x.strides]
            axes = zip(lengths, x.shape, steps, strict=True)
            want = {letter: [n, step] for letter, n, step in axes}
            if got != want:
                words = {letter: tuple(axis) for letter, axis in want.items()}
                raise Wrong(f"{call}: expected {words}, got {got!s:.100}")
    odd = (("ii", (2, 3)), ("ijij", (2, 3, 2, 4)), ("ij", (2, 3, 4)), ("ijk", (2, 3)))
    for names, shape in odd:
        kind, _ = student.run_raises("letter_axes", names, Place(shape, shape).plain)
        call = f"letter_axes({names!r}, ...) of shape {shape}"
        assert kind == "ValueError", f"{call} should raise ValueError, got {kind or 'an answer'}"


def drawn_lengths(rng, names: str, least: int = 1) -> dict[str, int]:
    """A length of 2 to 4 for each letter; now and then one of 1, if ``least`` allows it."""
    lengths = {letter: int(rng.integers(2, 5)) for letter in dict.fromkeys(names)}
    if lengths and least == 1 and rng.random() < 0.3:
        lengths[names[int(rng.integers(len(names)))]] = 1
    return lengths


# Plans.


class Case(NamedTuple):
    """An einsum to plan: its subscripts, and a layout for each operand."""

    subscripts: str
    places: tuple[Place, ...]

    @property
    def names(self) -> list[str]:
        return self.subscripts.split("->")[0].split(",")

    @property
    def output(self) -> str:
        return self.subscripts.split("->")[1]

    @property
    def lengths(self) -> dict[str, int]:
        pairs = zip("".join(self.names), itertools.chain(*(p.shape for p in self.places)))
        return dict(pairs)

    def __str__(self) -> str:
        return f'einsum_plan("{self.subscripts}", [{", ".join(map(str, self.places))}])'


RENAMED = "i->i ij->ij ij->ji ijk->kij ii->i iij->ji iji->ij ijij->ji iii->i ->"

SUMS = "i-> ii-> ij->i ij->j iij->j ij-> iij-> ijk->ik ijk->kj ijk->j ijji->i ijk->"

PRODUCTS = """
    i,i->  i,i->i  i,j->ij  i,j->ji  ,i->i  i,->i  ij,j->i  i,ij->j  ij,i->ij  bi,bi->b
    ij,jk->ik  ij,kj->ik  ji,jk->ki  ii,i->  ii,ij->j  iij,jk->ki
    bij,bjk->bik  ibj,kjb->kbi  bij,jbk->ikb
"""

OWN_LETTERS = "ijk,kl->li ij,jk->i ij,k->i i,j-> ij,kl->il ijk,jl->i bij,bj->b"

GROUPS = """
    ij,ij->  ij,ji->  ij,ij->ij  ij,ji->ji  ij,kl->ikjl  ijk,jkl->il  ijk,kjl->li  iij,jkk->ik
    nchw,oc->nohw  bhid,bhjd->bhij  bihd,bjhd->bhij  bhij,bjhd->bihd  ijab,abkl->ijkl
"""


def any_cases(rng, subscripts: str, least: int = 1) -> list[Case]:
    """A case for each word, its operands anywhere in memory; lengths from ``least`` to 4."""
    cases = []
    for each in subscripts.split():
        names = each.split("->")[0].split(",")
        lengths = drawn_lengths(rng, "".join(names), least)
        places = [anywhere(rng, [lengths[letter] for letter in letters]) for letters in names]
        cases.append(Case(each, tuple(places)))
    return cases


def multiply_adds(case: Case) -> int:
    """What the handout allows: own letters are summed first, then one product of what is left."""
    letters = [set(names) for names in case.names]
    size = partial(_size, case.lengths)
    if len(letters) == 1:
        return 0 if letters[0] <= set(case.output) else size(letters[0])
    kept = [letters[i] & (letters[1 - i] | set(case.output)) for i in range(2)]
    sums = sum(size(letters[i]) for i in range(2) if letters[i] != kept[i])
    return sums + size(kept[0] | kept[1])


def _size(lengths: dict[str, int], letters: set[str]) -> int:
    return math.prod(lengths[letter] for letter in letters)


class Machine:
    """Buffers, and what the steps of a plan do to them."""

    def __init__(self, case: Case, rng: np.random.Generator) -> None:
        self.buffers: dict[str | int, Array] = {"one": np.ones(1)}
        self.copied = self.multiply_adds = self.steps = 0
        self.arrays = []
        for name, place in zip("ab", case.places, strict=False):
            memory = np.full(int(place.positions.max()) + 3, np.nan)
            used = np.unique(place.positions)
            memory[used] = rng.integers(1, 100, len(used)) * rng.choice([-1, 1], len(used))
            self.buffers[name] = memory
            self.arrays.append(numpys(place, memory))

    def do(self, step: Any) -> None:
        """One step; its result is the buffer of the step's number."""
        name, *views = step if type(step) is list and step else [None]
        name = name if type(name) is str else None
        if name == "copy" and len(views) == 1:
            made = self.read(views[0])
            self.copied += made.size
        elif name == "product" and len(views) == 2:
            made = self.product(*map(self.read, views))
        else:
            raise Wrong('a step is ("copy", view) or ("product", view, view)')
        self.buffers[self.steps] = made.ravel()
        self.steps += 1

    def product(self, x: Array, y: Array) -> Array:
        matched = x.ndim == y.ndim == 3 and x.shape[0] == y.shape[0] and x.shape[2] == y.shape[1]
        if not matched:
            want = "(batch, rows, inner) and (batch, inner, columns)"
            raise Wrong(f"the shapes should be {want}, got {x.shape} and {y.shape}")
        work = x.size * y.shape[2]
        self.multiply_adds += work
        if self.multiply_adds > LARGEST:
            raise Wrong(f"its {work} multiply-adds are far more than are needed")
        return x @ y

    def read(self, view: Any) -> Array:
        buffer, layout = view if type(view) is list and len(view) == 2 else (None, None)
        if type(buffer) not in (str, int):
            raise Wrong(f"a view is (buffer, layout), got {view!s:.60}")
        if buffer not in self.buffers:
            raise Wrong(f"there is no buffer {buffer!r:.20}: there are {list(self.buffers)}")
        what = f"the view of {buffer!r}"
        return elements(a_place(layout, what), self.buffers[buffer], what)


def executed(student, case: Case, rng: np.random.Generator) -> Machine:
    """The machine when the plan is done; Wrong if a step fails or the result is not einsum's."""
    reply = typed(student.run("plan_of", case.subscripts, [p.plain for p in case.places]), list)
    if len(reply) != 2 or type(reply[0]) is not list:
        raise Wrong(f"a plan is (steps, result), got {reply!s:.80}")
    machine = Machine(case, rng)
    for place, step in enumerate(reply[0][:20]):
        try:
            machine.do(step)
        except Wrong as wrong:
            raise Wrong(f"step {place}: {wrong}") from None
    if len(reply[0]) > 20:
        raise Wrong("the plan has more than 20 steps; four are enough for anything here")
    try:
        result = machine.read(reply[1])
    except Wrong as wrong:
        raise Wrong(f"the result: {wrong}") from None
    want = np.einsum(case.subscripts, *machine.arrays)
    close(result, want, rtol=0, what="the result")
    return machine


def share(student, rng, cases: Sequence[Case], judge: Callable[[Case, Machine], None]) -> Any:
    """An equal part of the points for each plan that gives the result and passes the judge."""
    faults = []
    for case in cases:
        try:
            judge(case, executed(student, case, rng))
        except (Wrong, AssertionError) as wrong:
            faults.append(f"{case}: {wrong}")
        except StudentError as error:
            if error.reason != "error":  # not written, or out of time: all cases fare alike
                raise
            faults.append(f"{case}: {error}")
    if not faults:
        return None
    right = len(cases) - len(faults)
    return Score(right / len(cases), f"{faults[0]} (right plans: {right} of {len(cases)})")


def no_wasted_multiply_adds(case: Case, machine: Machine) -> None:
    want, got = multiply_adds(case), machine.multiply_adds
    assert got <= want, f"expected at most {want} multiply-adds, the plan has {got}"


def views_alone(case: Case, machine: Machine) -> None:
    no_wasted_multiply_adds(case, machine)
    assert machine.steps == 0, f"expected a view and no step, the plan has {machine.steps}"


def as_few_copies_as_can_be(case: Case, machine: Machine) -> None:
    no_wasted_multiply_adds(case, machine)
    want, got = fewest_copies(case), machine.copied
    some = f"at most {want} elements to be copied" if want else "no copy"
    assert got <= want, f"expected {some}, the plan copies {got}"


def fewest_copies(case: Case) -> int:
    """The fewest elements of whole operands to copy, so that one product of views does the rest.

    Tries all orders of all letters, and asks NumPy whether the result of a reshape is a view.
    """
    arrays = []
    for names, place in zip(case.names, case.places, strict=True):
        letters = "".join(dict.fromkeys(names))
        arrays.append((letters, np.einsum(f"{names}->{letters}", numbered(place)[1])))
    sizes = [x.size for _, x in arrays]
    return min(
        sum(itertools.compress(sizes, copied))
        for copied in itertools.product([False, True], repeat=len(arrays))
        if arranged(case, arrays, copied)
    )


def arranged(case: Case, arrays: list[tuple[str, Array]], copied: Sequence[bool]) -> bool:
    """Whether each array that is not copied has the view that a product needs."""
    first, second = (set(letters) for letters, _ in [*arrays, ("", None)][:2])
    inner = [letter for letter in case.lengths if letter not in case.output]
    for batch in batches(first, second, case.output):
        rows, columns = (
            [x for x in case.output if x in own - set(batch)] for own in (first, second)
        )
        for one, two in itertools.product(*map(itertools.permutations, (batch, inner))):
            ways = (
                [(one, order, two) for order in itertools.permutations(rows)],
                [(one, two, order) for order in itertools.permutations(columns)],
            )
            if all(
                fresh or any(is_view(case, letters, x, groups) for groups in those)
                for fresh, (letters, x), those in zip(copied, arrays, ways, strict=False)
            ):
                return True
    return False


def batches(first: set[str], second: set[str], output: str) -> Iterator[tuple[str, ...]]:
    """The letters that both have, or if there are none, any of one operand alone.

    Beside a letter that both have, one at which the other operand stands still is never one axis.
    """
    shared = first & second & set(output)
    if shared:
        yield tuple(shared)
        return
    for own in (first, second):
        letters = own & set(output)
        for count in range(len(letters) + 1):
            yield from itertools.combinations(sorted(letters), count)


def is_view(case: Case, own: str, x: Array, groups: Sequence[Sequence[str]]) -> bool:
    """Whether NumPy makes each group one axis without a copy; letters it has not are repeated."""
    flat = [letter for group in groups for letter in group]
    missing = [letter for letter in flat if letter not in own]
    wide = np.broadcast_to(x, [*(case.lengths[letter] for letter in missing), *x.shape])
    y = wide.transpose([[*missing, *own].index(letter) for letter in flat])
    shape = [_size(case.lengths, set(group)) for group in groups]
    return np.may_share_memory(y.reshape(shape), x)


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
    "it stands before the arrow, too.",
)
def refuses(student, rng):
    cases = ["ij,jk->ik 23,45", "ij,j->i 23,2", "ii->i 23", "i->ij 2", "i->ii 2", "i,j->ijk 2,3"]
    for text in cases:
        subscripts, shapes = text.split()
        places = [Place(tuple(map(int, each)), (1,) * len(each)) for each in shapes.split(",")]
        kind, _ = student.run_raises("plan_of", subscripts, [p.plain for p in places])
        call = f'einsum_plan("{subscripts}", ...) of shapes {[p.shape for p in places]}'
        assert kind == "ValueError", f"{call} should raise ValueError, got {kind or 'a plan'}"
    executed(student, Case("ij,jk->ik", (Place((2, 3), (3, 1)), Place((3, 4), (4, 1)))), rng)


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


def in_memory(rng, ways: str) -> list[Case]:
    """A case for each line: subscripts, and for each operand the order of its letters in memory.

    At a capital letter there is a gap. A third word says which operand has more elements.
    """
    cases = []
    for subscripts, orders, *more in map(str.split, ways.strip().splitlines()):
        names = subscripts.split("->")[0].split(",")
        lengths = drawn_lengths(rng, "".join(names), least=2)
        while more and more[0] != bigger(lengths, *names):
            lengths = drawn_lengths(rng, "".join(names), least=2)
        places = []
        for letters, text in zip(names, orders.split(","), strict=True):
            order = [letters.index(letter) for letter in text.lower()]
            gaps = [letters.index(letter.lower()) for letter in text if letter.isupper()]
            places.append(a_layout(rng, [lengths[letter] for letter in letters], order, gaps))
        cases.append(Case(subscripts, tuple(places)))
    return cases


def bigger(lengths: dict[str, int], first: str, second: str) -> str:
    a, b = (_size(lengths, set(names)) for names in (first, second))
    return "a" if a > b else "b" if b > a else "neither"


NO_COPY = """
    ij->j               IJ
    ijk->j              jki
    ijk->ik             IJK
    ij,jk->ik           jI,kJ
    bij,bjk->bik        jIB,bJK
    bij,bjk->bki        Bij,kBj
    ij,ij->             ji,ji
    ijk,jkl->il         ikj,kjl
    bhid,bhjd->bhij     bhid,bhjd
    bhid,bhjd->bhij     hbdI,hbdj
    ihj,jk->ihk         IhJ,jk
    nchw,oc->nohw       nchw,oc
    ij,jkl->ikl         ij,jKl
    ij,kl->ikjl         ji,Lk
"""

FEW_COPIES = """
    ijk->j              ijk
    ij,ij->ij           Ij,ij
    ij,ij->ij           ij,ji
    ijk,jkl->il         jik,jkl         a
    ijk,jkl->il         ijk,kjl         a
    ijk,jkl->il         ijk,kjl         b
    bhi,bhj->bhij       bhi,hbj         a
    bhi,bhj->bhij       bhi,hbj         b
    bhid,bhjd->bhij     bihd,bjhd
    ihj,jkl->ihkl       IhJ,jKl         a
    ihj,jkl->ihkl       IhJ,jKl         b
"""


@of_copies(
    points=12,
    title="none where none is needed",
    hint="Try all orders of a group, not only the one in which the letters are written. And if the "
    "batch is empty, rows can lend it a letter, along which b has stride 0; so can columns.",
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
