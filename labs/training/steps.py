"""Steps of AdamW and of the loss scale, as the student takes them, and in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograder import Wrong, close, typed

from .replies import came_of, number, shown

Array = np.ndarray


def drawn_betas(rng) -> list[float]:
    return rng.uniform([0.5, 0.8], [0.95, 0.999]).tolist()


def told_betas(betas: list[float]) -> str:
    return f"({betas[0]:.3f}, {betas[1]:.3f})"


def stepped(
    student, arrays: list[Array], t: int, gradients: list[Array], settings: Any
) -> list[Any]:
    after = typed(student.run("stepped", arrays, t, gradients, settings), list, "p, m, v")
    assert len(after) == 3, f"expected p, m and v, got {len(after)} replies"
    for name, now in zip("pmv", after, strict=True):
        close(
            np.shape(now) if isinstance(now, Array) else (), arrays[0].shape, what=f"{name}.shape"
        )
    return after


def closed_form(g: Array, betas: list[float], eps: float) -> tuple[Array, Array, Array]:
    """m, v and the sum of all moves over lr, by writing each mean as the weighted sum it is."""
    moved = np.zeros(g.shape[1:])
    for t in range(1, len(g) + 1):
        weights = [(1 - b) * b ** np.arange(t - 1, -1, -1.0) for b in betas]
        m, v = np.tensordot(weights[0], g[:t], 1), np.tensordot(weights[1], g[:t] ** 2, 1)
        moved += m / weights[0].sum() / (np.sqrt(v / weights[1].sum()) + eps)
    return m, v, moved


def same_scales(student, start: tuple[float, int], overflows, rule, want) -> None:
    replies = typed(student.run("scales", *start, overflows, list(rule)), list, "the replies")
    before = start
    for reply, overflowed, wanted in zip(replies, overflows, want, strict=False):
        call = f"next_scale({before[0]:g}, {before[1]}, {overflowed}, {', '.join(map(str, rule))})"
        if type(reply) is not list or len(reply) != 2:
            raise Wrong(f"{call}: expected a pair (scale, good_steps), got {came_of(reply)}")
        good = typed(reply[1], int, f"{call}: good_steps")
        close(number(reply[0], f"{call}: the scale"), wanted[0], rtol=1e-12, what=f"{call}: scale")
        assert good == wanted[1], f"{call}: expected good_steps={wanted[1]}, got {shown(good)}"
        before = wanted
    assert len(replies) == len(want), f"expected {len(want)} replies, got {len(replies)}"
