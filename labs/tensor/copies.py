"""The fewest elements that a plan must copy, by a search that asks NumPy what is a view."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from .places import Place, numbered
from .plans import Case, Machine, no_wasted_multiply_adds, size_of

Array = np.ndarray


def as_few_copies_as_can_be(case: Case, machine: Machine) -> None:
    no_wasted_multiply_adds(case, machine)
    want, got = fewest_copies(case), machine.copied
    some = f"at most {want} elements to be copied" if want else "no copy"
    assert got <= want, f"expected {some}, the plan copies {got}"


def fewest_copies(case: Case) -> int:
    """The fewest elements of whole operands to copy, so that one product of views does the rest.

    Tries all orders of all letters, and asks NumPy whether the result of a reshape is a view.
    """
    arrays = [without_ones(case, *operand) for operand in zip(case.names, case.places, strict=True)]
    sizes = [x.size for _, x in arrays]
    return min(
        sum(itertools.compress(sizes, copied))
        for copied in itertools.product([False, True], repeat=len(arrays))
        if arranged(case, arrays, copied)
    )


def without_ones(case: Case, names: str, place: Place) -> tuple[str, Array]:
    """The letters longer than 1, and the view with an axis for each; the others fit anywhere."""
    letters = "".join(dict.fromkeys(names))
    x = np.einsum(f"{names}->{letters}", numbered(place)[1]).squeeze()
    return "".join(letter for letter in letters if case.lengths[letter] > 1), x


def arranged(case: Case, arrays: list[tuple[str, Array]], copied: Sequence[bool]) -> bool:
    """Whether each array that is not copied has the view that a product needs."""
    first, second = (set(letters) for letters, _ in [*arrays, ("", None)][:2])
    inner = (first | second) - set(case.output)
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
    """The letters that both have; if there are none, the batch is idle: any of one operand alone.

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
    shape = [size_of(case.lengths, set(group)) for group in groups]
    return np.may_share_memory(y.reshape(shape), x)
