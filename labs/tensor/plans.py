"""Plans for einsum: cases, the machine that carries a plan out and counts, and what it may cost."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from autograder import Wrong, close, each_alike

from .places import (
    LARGEST,
    Place,
    a_layout,
    a_place,
    answer,
    anywhere,
    drawn_lengths,
    elements,
    numpys,
    shown,
)

Array = np.ndarray


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
    size = partial(size_of, case.lengths)
    if len(letters) == 1:
        return 0 if letters[0] <= set(case.output) else size(letters[0])
    kept = [letters[i] & (letters[1 - i] | set(case.output)) for i in range(2)]
    sums = sum(size(letters[i]) for i in range(2) if letters[i] != kept[i])
    return sums + size(kept[0] | kept[1])


def size_of(lengths: dict[str, int], letters: set[str]) -> int:
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
            raise Wrong(f"a view is (buffer, layout), got {shown(view)}")
        if buffer not in self.buffers:
            raise Wrong(f"there is no buffer {buffer!r:.20}: there are {list(self.buffers)}")
        what = f"the view of {buffer!r}"
        return elements(a_place(layout, what), self.buffers[buffer], what)


def executed(student, case: Case, rng: np.random.Generator) -> Machine:
    """The machine when the plan is done; Wrong if a step fails or the result is not einsum's."""
    reply = answer(student, str(case), "plan_of", case.subscripts, [p.plain for p in case.places])
    if type(reply) is not list or len(reply) != 2 or type(reply[0]) is not list:
        raise Wrong(f"a plan is (steps, result), got {shown(reply)}")
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


def how_planned(student, text: str) -> tuple[str, str]:
    """The call for subscripts and shapes, such as "ij,j->i 23,3"; the kind of error it raises."""
    subscripts, shapes = text.split()
    places = [Place(tuple(map(int, each)), (1,) * len(each)) for each in shapes.split(",")]
    kind, _ = student.run_raises("plan_of", subscripts, [place.plain for place in places])
    return f'einsum_plan("{subscripts}", [{", ".join(map(str, places))}])', kind


def share(student, rng, cases: Sequence[Case], judge: Callable[[Case, Machine], None]) -> Any:
    """An equal part of the points for each plan that gives the result and passes the judge."""

    def judged(case: Case) -> None:
        try:
            judge(case, executed(student, case, rng))
        except (Wrong, AssertionError) as wrong:
            raise Wrong(f"{case}: {wrong}") from None

    return each_alike(cases, judged, " (right plans: {right} of {count})")


def no_wasted_multiply_adds(case: Case, machine: Machine) -> None:
    want, got = multiply_adds(case), machine.multiply_adds
    assert got <= want, f"expected at most {want} multiply-adds, the plan has {got}"


def views_alone(case: Case, machine: Machine) -> None:
    no_wasted_multiply_adds(case, machine)
    assert machine.steps == 0, f"expected a view and no step, the plan has {machine.steps}"


def in_memory(rng, ways: str) -> list[Case]:
    """A case for each line: subscripts, and for each operand the order of its letters in memory.

    At a capital letter there is a gap. More words give lengths, or the operand with more elements.
    """
    cases = []
    for subscripts, orders, *more in map(str.split, ways.strip().splitlines()):
        names = subscripts.split("->")[0].split(",")
        lengths = lengths_where(rng, names, more)
        places = []
        for letters, text in zip(names, orders.split(","), strict=True):
            order = axes_of(letters, text.lower())
            gaps = [axis for axis, each in zip(order, text, strict=True) if each.isupper()]
            places.append(a_layout(rng, [lengths[letter] for letter in letters], order, gaps))
        cases.append(Case(subscripts, tuple(places)))
    return cases


def lengths_where(rng, names: list[str], conditions: list[str]) -> dict[str, int]:
    """Lengths of 2 to 4, or as given, "b=1"; "a" if the first is to have more elements."""
    given = {each[0]: int(each[2:]) for each in conditions if "=" in each}
    larger = [each for each in conditions if "=" not in each]
    while True:
        lengths = drawn_lengths(rng, "".join(names), least=2) | given
        if not larger or larger == [bigger(lengths, *names)]:
            return lengths


def axes_of(letters: str, order: str) -> list[int]:
    """The axes in the order of their letters; if a letter has several, from the left."""
    axes = {x: iter([axis for axis, each in enumerate(letters) if each == x]) for x in letters}
    return [next(axes[letter]) for letter in order]


def bigger(lengths: dict[str, int], first: str, second: str) -> str:
    a, b = (size_of(lengths, set(names)) for names in (first, second))
    return "a" if a > b else "b" if b > a else "neither"


RENAMED = "i->i ij->ij ij->ji ijk->kij ii->i iij->ji iji->ij ijij->ji iii->i ->"

SUMS = "i-> ii-> ij->i ij->j iij->j ij-> iij-> ijk->ik ijk->kj ijk->j ijji->i ijk->"

PRODUCTS = """
    i,i->  i,i->i  i,j->ij  i,j->ji  ,i->i  i,->i  ij,j->i  i,ij->j  ij,i->ij  bi,bi->b
    ij,jk->ik  ij,kj->ik  ji,jk->ki  ii,i->  ii,ij->j  iij,jk->ki
    bij,bjk->bik  ibj,kjb->kbi  bij,jbk->ikb
"""

MEANINGLESS = """
    ij,jk->ik 23,45  ij,jk->ik 21,34  ij,j->i 23,2  ii->i 23  i->ij 2  i->ii 2  i,j->ijk 2,3
"""

OWN_LETTERS = "ijk,kl->li ij,jk->i ij,k->i i,j-> ij,kl->il ijk,jl->i bij,bj->b"

GROUPS = """
    ij,ij->  ij,ji->  ij,ij->ij  ij,ji->ji  ij,kl->ikjl  ijk,jkl->il  ijk,kjl->li  iij,jkk->ik
    nchw,oc->nohw  bhid,bhjd->bhij  bihd,bjhd->bhij  bhij,bjhd->bihd  ijab,abkl->ijkl
"""

NO_COPY = """
    ij->j               IJ
    ijk->j              jki
    ijkl->l             jkil
    ijk->ik             IJK
    ij,jk->ik           jI,kJ
    bij,bjk->bik        jIB,bJK
    bij,bjk->bki        Bij,kBj
    bij,bjklm->biklm    bij,bjlmk
    bijkl,bl->bijk      bjkil,bl
    abci,abcj->abcij    bcai,bcaj
    ij,ij->             ji,ji
    ijk,jkl->il         ikj,kjl
    bhid,bhjd->bhij     bhid,bhjd
    bhid,bhjd->bhij     hbdI,hbdj
    bhi,bhj->bhij       Bhi,bhj         b=1
    ihj,jk->ihk         IhJ,jk
    nchw,oc->nohw       nchw,oc
    ij,jkl->ikl         ij,jKl
    bihj,bjk->bihk      bIhJ,bjk        b=1
    ijkl,lm->ijkm       Jikl,lm
    ij,bjkl->bikl       ij,kbjl
    ij,kl->ikjl         ji,Lk
"""

FEW_COPIES = """
    ijk->j              ijk
    ij,ij->ij           Ij,ij
    ij,ij->ij           ij,ji
    ijk,jkl->il         jik,jkl         a
    ijk,jkl->il         ijk,kjl         a
    ijk,jkl->il         ijk,kjl         b
    iijk,jkl->il        iijk,kjl        i=2 l=3
    bhi,bhj->bhij       bhi,hbj         a
    bhi,bhj->bhij       bhi,hbj         b
    bhid,bhjd->bhij     bihd,bjhd
    ihj,jkl->ihkl       IhJ,jKl         a
    ihj,jkl->ihkl       IhJ,jKl         b
"""
