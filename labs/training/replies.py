"""What a reply should look like, and what a student reads when it does not."""

from __future__ import annotations

from typing import Any

from autograder import Wrong, typed


def tuples(answer: Any, what: str) -> list[list[Any]]:
    """A list of tuples; between two processes a tuple becomes a list."""
    if type(answer) is list and all(type(one) is list for one in answer):
        return answer
    came = came_of(answer)
    if type(answer) is list:
        odd = next(one for one in answer if type(one) is not list)
        came = f"a list in which there is a {type(odd).__name__}"
    raise Wrong(f"{what} should be a list of tuples, got {came}")


def came_of(answer: Any) -> str:
    return "None: is a return missing?" if answer is None else f"a {type(answer).__name__}"


def number(answer: Any, what: str) -> float:
    """An int or a float, as a float."""
    try:
        return float(typed(answer, float, what))
    except OverflowError:
        raise Wrong(f"{what} should be a number, got an int too large for one") from None


def shown(count: int) -> str:
    return f"{count:,}" if count.bit_length() < 64 else f"a number of {count.bit_length()} bits"
