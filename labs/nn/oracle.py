"""A block, a stack of blocks and a plain network, run on their state dicts: what must come out.

One head and one query at a time, in a way of its own; it knows nothing of what is checked.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

Array = np.ndarray
State = dict[str, Array]


def attend(q: Array, k: Array, v: Array, mask: Array) -> Array:
    """q: (..., T, d), k: (..., S, d), v: (..., S, e); mask broadcasts to (..., T, S)."""
    mask = np.broadcast_to(mask, (*q.shape[:-1], k.shape[-2]))
    if q.ndim > 2:
        return np.array([attend(*one) for one in zip(q, k, v, mask, strict=True)])
    rows = []
    for query, seen in zip(q, mask, strict=True):
        scores = k[seen] @ query / len(query) ** 0.5
        weights = np.exp(scores - scores.max())
        rows.append(weights @ v[seen] / weights.sum())
    return np.array(rows)


def head_outputs(state: State, x: Array, heads: int, allowed: Array | None = None) -> Array:
    """What each head adds to the result, (heads, T, d); x: (T, d); causal unless told otherwise."""
    packed = x @ state["self_attn.in_proj_weight"].T + state["self_attn.in_proj_bias"]
    q, k, v = (np.split(part, heads, axis=1) for part in np.split(packed, 3, axis=1))
    columns = np.split(state["self_attn.out_proj.weight"], heads, axis=1)
    allowed = np.tri(len(x), dtype=bool) if allowed is None else allowed
    return np.array([attend(q[h], k[h], v[h], allowed) @ columns[h].T for h in range(heads)])


def attention(state: State, x: Array, heads: int, allowed: Array | None = None) -> Array:
    return head_outputs(state, x, heads, allowed).sum(axis=0) + state["self_attn.out_proj.bias"]


def normal(state: State, norm: str, x: Array) -> Array:
    centred = x - x.mean(axis=1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
    return centred / deviation * state[f"{norm}.weight"] + state[f"{norm}.bias"]


def mlp(state: State, x: Array, names: Collection[str] = ("linear1", "linear2")) -> Array:
    """Linear layers of these names, GELU between two of them."""
    for i, name in enumerate(names):
        x = x / 2 * (1 + np.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x**3))) if i else x
        x = x @ state[f"{name}.weight"].T + state[f"{name}.bias"]
    return x


def block(state: State, x: Array, heads: int) -> Array:
    x = x + attention(state, normal(state, "norm1", x), heads)
    return x + mlp(state, normal(state, "norm2", x))


def stack(state: State, x: Array, blocks: int) -> Array:
    for i in range(blocks):
        x = block(of_block(state, i), x, 2)
    return x


def of_block(state: State, i: int) -> State:
    start = f"blocks.{i}."
    return {name.removeprefix(start): a for name, a in state.items() if name.startswith(start)}
