"""What the checks ask of a student's file; runs beside it and knows no answer.

A layout crosses as a list [shape, strides, offset].
"""

from __future__ import annotations

from typing import Any


def on_layout(student: Any, name: str, layout: list[Any], *arguments: Any) -> Any:
    """What the function makes of a layout; lists among the other arguments become tuples."""
    rest = [tuple(each) if isinstance(each, list) else each for each in arguments]
    return plain(getattr(student, name)(_layout(student, layout), *rest))


def on_shapes(student: Any, name: str, *shapes: list[int]) -> Any:
    """What the function makes of shapes and strides, given as tuples."""
    return plain(getattr(student, name)(*map(tuple, shapes)))


def letter_axes(student: Any, names: str, layout: list[Any]) -> Any:
    """The student's letter_axes."""
    return plain(student.letter_axes(names, _layout(student, layout)))


def plan_of(student: Any, subscripts: str, layouts: list[Any]) -> Any:
    """The student's plan, layouts in it as lists."""
    return plain(student.einsum_plan(subscripts, [_layout(student, each) for each in layouts]))


def _layout(student: Any, parts: list[Any]) -> Any:
    shape, strides, offset = parts
    return student.Layout(tuple(shape), tuple(strides), offset)


def plain(value: Any) -> Any:
    """Layouts and ranges as lists, also inside of lists, tuples and dicts."""
    if isinstance(value, range):
        return [value.start, value.stop]
    if all(hasattr(value, part) for part in ("shape", "strides", "offset")):
        return [plain(value.shape), plain(value.strides), value.offset]
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return value
