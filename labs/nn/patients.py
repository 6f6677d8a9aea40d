"""Small models with random weights, and what an operation is asked to make of them."""

from __future__ import annotations

import numpy as np

Array = np.ndarray
State = dict[str, Array]
Shapes = dict[str, tuple[int, ...]]
LAYERS = ("1", "3", "5")  # of an MLP: a Sequential numbers what has no weights, too


def drawn(rng, shapes: Shapes) -> State:
    """Numbers for these shapes, none near 0; norms are not 1 and 0, as if they had been trained."""
    return {
        name: rng.uniform(0.2, 1.0, shape) * rng.choice([-1, 1], shape)
        for name, shape in shapes.items()
    }


def block_shapes(a: int, d: int, hidden: int) -> Shapes:
    """a: heads times the size of a head; d: width of the stream."""
    return {
        "self_attn.in_proj_weight": (3 * a, d), "self_attn.in_proj_bias": (3 * a,),
        "self_attn.out_proj.weight": (d, a), "self_attn.out_proj.bias": (d,),
        "linear1.weight": (hidden, d), "linear1.bias": (hidden,),
        "linear2.weight": (d, hidden), "linear2.bias": (d,),
        "norm1.weight": (d,), "norm1.bias": (d,), "norm2.weight": (d,), "norm2.bias": (d,),
    }  # fmt: skip


def stack_shapes(blocks: int, d: int) -> Shapes:
    """Blocks of two heads of size 1, between entries that belong to none of them."""
    rows: Shapes = {"tokens.weight": (7, d)}
    for i in range(blocks):
        rows |= {f"blocks.{i}.{name}": shape for name, shape in block_shapes(2, d, 3).items()}
    return rows | {"norm.weight": (d,), "decoder.blocks.1.norm1.weight": (d,)}


def mlp_shapes(widths: list[int]) -> Shapes:
    """Three linear layers, whose names are those of LAYERS."""
    rows = {}
    for name, inputs, outputs in zip(LAYERS, widths[:-1], widths[1:], strict=True):
        rows |= {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}
    return rows


def a_block(rng) -> tuple[State, tuple[int, ...], Array]:
    """A block; the number of its heads, their size, its width and hidden width; a sequence."""
    heads, size, d, hidden, T = rng.integers([2, 1, 3, 2, 2], [5, 4, 8, 9, 6]).tolist()
    state = drawn(rng, block_shapes(heads * size, d, hidden))
    return state, (heads, size, d, hidden), rng.standard_normal((T, d))


def to_widen(rng) -> tuple[State, Shapes, tuple[str, str, list[int]]]:
    """An MLP; its shapes once it is wider; arguments: two of its layers, and copies."""
    widths = rng.integers(2, 7, 4).tolist()
    i = int(rng.integers(1, 3))
    more = rng.integers(0, widths[i], int(rng.integers(1, 6)))
    copies = rng.permutation([*range(widths[i]), *more]).tolist()
    wider = mlp_shapes([*widths[:i], len(copies), *widths[i + 1 :]])
    return drawn(rng, mlp_shapes(widths)), wider, (LAYERS[i - 1], LAYERS[i], copies)


def to_add(rng, size: int, d: int) -> tuple[int, Array, Array]:
    """How many new heads; their rows of in_proj: weights and biases."""
    count = int(rng.integers(1, 3))
    return count, rng.standard_normal((3, count * size, d)), rng.standard_normal((3, count * size))
