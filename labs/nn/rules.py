"""What holds for the result of every operation: names, shapes, precision, and what stays."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

from autograder import Wrong, close, typed

from .patients import (
    Shapes,
    a_block,
    block_shapes,
    drawn,
    stack_shapes,
    to_add,
    to_widen,
)

Array = np.ndarray
State = dict[str, Array]
PARAMETERS = {  # of each operation, behind the state
    "widen": ("first", "second", "copies"), "keep_heads": ("heads", "kept"),
    "add_heads": ("weight", "bias"), "fold_norms": (), "deepen": ("place",),
}  # fmt: skip
SLICED = ("self_attn.in_proj_weight", "self_attn.in_proj_bias", "self_attn.out_proj.weight")


def told(name: str, arguments: tuple[Any, ...]) -> str:
    """The call in words; of an array, its name and its shape."""
    words = ["state"]
    for parameter, value in zip(PARAMETERS[name], arguments, strict=True):
        is_array = isinstance(value, Array)
        words.append(f"{parameter} of shape {value.shape}" if is_array else repr(value))
    return f"{name}({', '.join(words)})"


def a_state(reply: Any, want: Shapes, precision: type, call: str) -> State:
    """The reply, if names, shapes and precision are as the handout says."""
    new = typed(reply, dict[str, Array], f"the result of {call}")
    if missing := sorted(want.keys() - new.keys()):
        raise Wrong(f"the result of {call} should have an entry {missing[0]}")
    if strange := sorted(new.keys() - want.keys()):
        raise Wrong(f"the result of {call} should have no entry {strange[0]}")
    for key, shape in want.items():
        if new[key].shape != shape:
            raise Wrong(f"after {call}, {key} should have shape {shape}, got {new[key].shape}")
        if new[key].dtype != precision:
            stays = f"{np.dtype(precision)} as before"
            raise Wrong(f"after {call}, {key} should be {stays}, got {new[key].dtype}")
        if not (np.abs(new[key]) < 1e6).all():
            raise Wrong(f"after {call}, {key} should hold numbers, none as large as a million")
    return new


def operated(student, want: Shapes, name: str, state: State, *arguments: Any) -> State:
    call = told(name, arguments)
    return a_state(student.call(name, state, *arguments), want, np.float64, call)


def operations(rng) -> Iterator[tuple[str, State, tuple[Any, ...], Shapes, Collection[str]]]:
    """Of each: name, state, other arguments; the shapes of the result, entries that may differ."""
    state, wider, (first, second, copies) = to_widen(rng)
    touched = (f"{first}.weight", f"{first}.bias", f"{second}.weight")
    yield "widen", state, (first, second, copies), wider, touched
    state, (heads, size, d, hidden), _ = a_block(rng)
    kept = rng.permutation(heads)[1:].tolist()
    yield "keep_heads", state, (heads, kept), block_shapes(len(kept) * size, d, hidden), SLICED
    count, *rows = to_add(rng, size, d)
    more = block_shapes((heads + count) * size, d, hidden)
    yield "add_heads", state, tuple(rows), more, SLICED
    readers = ("self_attn.in_proj", "linear1", "norm")
    touched = [name for name in state if name.startswith(readers)]
    yield "fold_norms", state, (), block_shapes(heads * size, d, hidden), touched
    state = drawn(rng, stack_shapes(3, 3))
    touched = [name for name in state if name.startswith("blocks.")]
    yield "deepen", state, (2,), stack_shapes(4, 3), touched


def tidy(student, name: str, state: State, given: tuple, want: Shapes, touched: Collection) -> None:
    """Raise Wrong unless one operation keeps to the three rules, and does anything at all."""
    state = {key: array.astype(np.float32) for key, array in state.items()}
    call = told(name, given)
    reply = typed(student.run(name, state, *given), list, f"the reply of {call}")
    if len(reply) != 3:
        raise Wrong(f"the result of {call} should be a state dict")
    new = a_state(reply[0], want, np.float32, call)
    old = typed(reply[1], dict[str, Array], f"the state that was given to {call}")
    if old.keys() != state.keys():
        raise Wrong(f"after {call}, the old state should have the names that it had")
    for key, array in state.items():
        close(old[key], array, rtol=0, what=f"after {call}, {key} of the old state")
        if key not in touched:
            close(new[key], array, rtol=0, what=f"after {call}, {key} of the result")
    if all(np.array_equal(new.get(key), state[key]) for key in touched):
        raise Wrong(f"{call} should not return what it was given")
    for parameter, before, now in zip(PARAMETERS[name], given, typed(reply[2], list), strict=False):
        if isinstance(before, Array | list):
            what = f"after {call}, its argument {parameter}, which should stay as it was"
            close(now, np.array(before), rtol=0, what=what)
