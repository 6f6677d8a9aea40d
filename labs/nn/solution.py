"""Lab: surgery on a trained model. It grows, shrinks and is tidied up, and computes what it did.

Rebuild attention and the norms of the chapter on arrays. Then operate: each function below takes a
state dict, names and arrays, and returns a new one; the old one stays as it was. The handout says
what the names mean and what must be the same before and after.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray
State = dict[str, Array]  # names as in the handout


def widen(state: State, first: str, second: str, copies: Sequence[int]) -> State:
    """Give a hidden layer more units, each a copy of an old one, without changing the function.

    The layer called ``first`` makes the n hidden units, ``second`` reads them; between the two
    stands a function of each unit alone. f"{first}.weight" is (n, inputs), f"{first}.bias" (n,),
    f"{second}.weight" (outputs, n), f"{second}.bias" (outputs,). copies: for each unit of the new
    hidden layer, the number of the old one that it copies. Names, precision and all other entries
    stay. Raises ValueError if an old unit has no copy: then the function cannot stay.
    """
    chosen = np.asarray(copies)
    times = np.bincount(chosen, minlength=len(state[f"{first}.bias"]))
    if not times.all():
        raise ValueError(f"units {np.flatnonzero(times == 0).tolist()} would be lost")
    outgoing = state[f"{second}.weight"]
    shared = (outgoing / times).astype(outgoing.dtype)
    return {
        **state,
        f"{first}.weight": state[f"{first}.weight"][chosen],
        f"{first}.bias": state[f"{first}.bias"][chosen],
        f"{second}.weight": shared[:, chosen],
    }


def keep_heads(state: State, heads: int, kept: Sequence[int]) -> State:
    """Remove all heads of a block's attention but those in ``kept``.

    state: of one block with ``heads`` heads of size a / heads each. kept: numbers of heads, each at
    most once, at least one; in the result they stand in this order. The result, run with len(kept)
    heads, computes what the block did if the output of every other head were set to 0 before the
    last projection. Names and all other entries stay.
    """
    weight, bias = (state[f"self_attn.in_proj_{kind}"] for kind in ("weight", "bias"))
    size = len(bias) // (3 * heads)
    rows = np.concatenate([np.arange(h * size, (h + 1) * size) for h in kept])
    packed = np.concatenate([part * heads * size + rows for part in range(3)])
    return {
        **state,
        "self_attn.in_proj_weight": weight[packed],
        "self_attn.in_proj_bias": bias[packed],
        "self_attn.out_proj.weight": state["self_attn.out_proj.weight"][:, rows],
    }


def add_heads(state: State, weight: Array, bias: Array) -> State:
    """Add heads that are ready to learn, and that for now add nothing.

    weight: (3, m, d), the new rows that make queries, keys and values; bias: (3, m). m is the size
    of a head times the number of new heads, which come after the old ones. What they find must not
    reach the output yet: the new columns of the last projection are 0. Names, precision and all
    other entries stay.
    """
    old = state["self_attn.in_proj_weight"]
    d, m = old.shape[1], weight.shape[1]
    packed = np.concatenate([old.reshape(3, -1, d), weight.astype(old.dtype)], axis=1)
    biases = [state["self_attn.in_proj_bias"].reshape(3, -1), bias.astype(old.dtype)]
    out = state["self_attn.out_proj.weight"]
    return {
        **state,
        "self_attn.in_proj_weight": packed.reshape(-1, d),
        "self_attn.in_proj_bias": np.concatenate(biases, axis=1).reshape(-1),
        "self_attn.out_proj.weight": np.pad(out, ((0, 0), (0, m))),
    }


def fold_norms(state: State) -> State:
    """Move the scale and the shift of both norms of a block into the layers that read them.

    norm1 is read by self_attn.in_proj, norm2 by linear1. In the result both norms have weights 1
    and biases 0, and attention(norm1(x)) and mlp(norm2(x)) are for each x what they were. Names,
    shapes, precision and all other entries stay.
    """
    new = dict(state)
    for norm, reader in (("norm1", "self_attn.in_proj_"), ("norm2", "linear1.")):
        scale, shift = state[f"{norm}.weight"], state[f"{norm}.bias"]
        weight = state[f"{reader}weight"]
        new[f"{reader}weight"] = weight * scale
        new[f"{reader}bias"] = state[f"{reader}bias"] + weight @ shift
        new[f"{norm}.weight"], new[f"{norm}.bias"] = np.ones_like(scale), np.zeros_like(shift)
    return new


def deepen(state: State, place: int) -> State:
    """Insert a block that passes its input on, so that it becomes block number ``place``.

    state: of a stack: entries f"blocks.{i}.{name}" for i = 0, 1, ..., and others, which stay. The
    new block is a copy of block ``place`` - 1 (place is 1 or more, at most the number of blocks)
    whose self_attn.out_proj and linear2 are 0, weights and biases. Blocks from ``place`` on move up
    by one. Its arrays are its own: none shares memory with those of the block it is copied from.
    """
    new: State = {}
    for name, array in state.items():
        if not name.startswith("blocks."):
            new[name] = array
            continue
        _, number, rest = name.split(".", 2)
        i = int(number)
        new[f"blocks.{i + (i >= place)}.{rest}"] = array
        if i == place - 1:
            silent = rest.startswith(("self_attn.out_proj.", "linear2."))
            new[f"blocks.{place}.{rest}"] = np.zeros_like(array) if silent else array.copy()
    return new
