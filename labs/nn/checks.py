"""The checks of the nn lab: small models with random weights, run here before and after surgery."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from autograder import Score, StudentError, Wrong, check, close, typed

from .oracle import attend, attention, block, head_outputs, mlp, normal, of_block, stack
from .patients import (
    LAYERS,
    a_block,
    block_shapes,
    drawn,
    stack_shapes,
    to_add,
    to_widen,
)
from .rules import SLICED, operated, operations, tidy, told

CHAPTER = "foundations/nn"
Array = np.ndarray
State = dict[str, Array]
EXACT = 1e-9  # of the largest number in the right answer

of_attention = partial(check, task="attention", section=f"{CHAPTER}#attention")
of_norms = partial(check, task="norms", section=f"{CHAPTER}#norms")
of_widen = partial(check, task="widen", section=f"{CHAPTER}#state-dicts")
of_heads = partial(check, task="heads", section=f"{CHAPTER}#attention")
of_fold = partial(check, task="fold", section=f"{CHAPTER}#norms")
of_deepen = partial(check, task="deepen", section=f"{CHAPTER}#the-block")


def same(got: Any, want: Array, what: str) -> None:
    """The numbers are the same, but for rounding."""
    with np.errstate(all="ignore"):
        close(got, want, rtol=0, atol=EXACT * float(np.abs(want).max()), what=what)


# Attention.


@of_attention(
    points=6,
    title="weighs the values by how their keys match",
    hint="Scores are products of queries and keys, over the root of a key's length; weights are "
    "positive and sum to 1 over the keys. Leading axes are carried along.",
)
def weighs_values_by_keys(student, rng):
    for batch in ((), (3,), (2, 3)):
        T, S, d, e = rng.permutation(np.arange(2, 6)).tolist()
        q, k, v = (rng.standard_normal((*batch, *s)) for s in ((T, d), (S, d), (S, e)))
        got = student.call("scaled_dot_product_attention", q, k, v)
        what = f"attention, q {q.shape}, k {k.shape}, v {v.shape}"
        same(got, attend(q, k, v, np.ones((T, S), bool)), what)


@of_attention(
    points=4,
    title="a masked key has no weight",
    hint="A key that is not allowed must be out of the sum too: the weights of the others sum to "
    "1. True means that the query may see the key.",
)
def masked_keys_are_out(student, rng):
    q, k, v = rng.standard_normal((3, 2, 4, 5, 3))
    own = np.eye(5, dtype=bool)  # each query sees itself at least
    random = [rng.random(shape) < 0.5 for shape in ((2, 1, 5, 5), (4, 5, 5))]
    for mask in [np.tri(5, dtype=bool), own, *(each | own for each in random)]:
        got = student.call("scaled_dot_product_attention", q, k, v, mask)
        same(got, attend(q, k, v, mask), f"attention, q {q.shape}, mask {mask.shape}")


@of_attention(
    points=3,
    title="survives scores of tens of thousands",
    hint="exp(1000) is infinite. A constant subtracted from all scores of a query changes no "
    "weight; which makes the largest exponent 0, among the keys that the query may see?",
)
def survives_large_scores(student, rng):
    mask = np.tri(4, dtype=bool)
    for sign in (1, -1, 1, -1):  # a query's score with its own key is beyond 10,000, or -10,000
        q, noise, v = rng.uniform(150, 300, (3, 4, 5)) * rng.choice([-1, 1], (3, 4, 5))
        k = sign * q + noise / 50
        got = student.call("scaled_dot_product_attention", q, k, v, mask)
        like = "queries" if sign > 0 else "-queries"
        same(got, attend(q, k, v, mask), f"attention, queries around 200, keys like {like}, causal")


@of_attention(
    points=4,
    title="heads are slices of the width, and are put back in their order",
    hint="All queries stand first, then all keys, then all values; in each, head after head. "
    "Reshape so that heads and their size are axes, then swap: a reshape alone mixes tokens.",
)
def heads_are_slices(student, rng):
    for batch in ((), (2,), (2, 3)):
        T, heads, size = rng.permutation([2, 3, 4]).tolist()
        x = rng.standard_normal((*batch, T, heads, size))
        packed = rng.standard_normal((*batch, T, 3 * heads * size))
        parts = typed(student.call("split_heads", packed, heads), list, "split_heads' result")
        if len(parts) != 3:
            raise Wrong(f"split_heads should return queries, keys and values, got {len(parts)}")
        for name, got, third in zip("qkv", parts, np.split(packed, 3, axis=-1), strict=True):
            want = np.stack(np.split(third, heads, axis=-1), axis=-3)
            same(got, want, f"{name} of split_heads of {packed.shape} and {heads} heads")
        merged = student.call("merge_heads", np.stack([x[..., h, :] for h in range(heads)], -3))
        same(merged, x.reshape(*batch, T, -1), f"merge_heads to shape {(*batch, T, heads * size)}")


@of_attention(
    points=4,
    title="several heads, and a linear layer over what they found",
    hint="If the checks above pass: a linear layer is x W^T + b, one before the heads are split, "
    "one after they are merged.",
)
def heads_work_side_by_side(student, rng):
    names = ("in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias")
    for batch, masked in (((), True), ((2,), False), ((2, 2), True)):
        heads, size, T = rng.integers(2, 5, 3).tolist()
        state = drawn(rng, block_shapes(heads * size, heads * size, 1))
        x = rng.standard_normal((*batch, T, heads * size))
        mask = np.tri(T, dtype=bool) if masked else None
        weights = [state[f"self_attn.{name}"] for name in names]
        got = student.call("multi_head_attention", x, *weights, heads, mask)
        allowed = np.ones((T, T), bool) if mask is None else mask
        want = np.array([attention(state, x[i], heads, allowed) for i in np.ndindex(batch)])
        same(got, want.reshape(x.shape), f"multi_head_attention, x {x.shape}, {heads} heads")


# Norms.


@of_norms(
    points=4,
    title="layer norm, along each row",
    hint="The variance is the mean of the squared distances from the mean: divide by d. eps is "
    "added to it, under the root.",
)
def layer_norm_along_rows(student, rng):
    for shape in ((5,), (3, 4), (2, 3, 6)):
        x = rng.standard_normal(shape) * rng.uniform(0.1, 9) + rng.uniform(-5, 5)
        weight, bias = rng.standard_normal((2, shape[-1]))
        eps = float(rng.uniform(1e-5, 0.5))
        rows = x.reshape(-1, shape[-1])
        want = [weight * (r - r.mean()) / (r.var() + eps) ** 0.5 + bias for r in rows]
        got = student.call("layer_norm", x, weight, bias, eps)
        same(got, np.reshape(want, shape), f"layer_norm of shape {shape}, eps {eps:.3g}")


def two_arrays(reply: Any, name: str) -> list[Any]:
    if len(typed(reply, list, f"the result of {name}")) != 2:
        raise Wrong(f"{name} should return a mean and a variance, got {len(reply)} values")
    return reply


@of_norms(
    points=7,
    title="batch norm, down each feature",
    hint="Of images, a feature is a channel: its statistics run over examples, rows and columns. "
    "batch_norm uses the statistics it is given, whatever x holds.",
)
def batch_norm_down_features(student, rng):
    for shape in ((6, 3), (4, 3, 2, 5)):
        x = rng.standard_normal(shape) * rng.uniform(0.1, 9) + rng.uniform(-5, 5)
        channels = [x[:, c] for c in range(3)]
        got = two_arrays(student.call("batch_statistics", x), "batch_statistics")
        same(got[0], np.array([c.mean() for c in channels]), f"the mean of x {shape}")
        same(got[1], np.array([c.var() for c in channels]), f"the variance of x {shape}")
        mean, variance, weight, bias = rng.uniform(0.5, 2, (4, 3))
        eps = float(rng.uniform(1e-5, 0.5))
        terms = zip(channels, mean, variance, weight, bias, strict=True)
        want = [w * (c - m) / (v + eps) ** 0.5 + b for c, m, v, w, b in terms]
        got = student.call("batch_norm", x, mean, variance, weight, bias, eps)
        same(got, np.stack(want, axis=1), f"batch_norm of x {shape}, eps {eps:.3g}")


@of_norms(
    points=4,
    title="what batch norm remembers",
    hint="Momentum is the share of the newest batch. What is remembered is the unbiased variance, "
    "as if the sum had been divided by n - 1.",
)
def remembers_unbiased_statistics(student, rng):
    n, momentum = int(rng.integers(2, 9)), float(rng.uniform(0.05, 0.5))
    batches = rng.standard_normal((4, n, 3)) + rng.uniform(-2, 2, 3)
    running: list[Any] = [np.zeros(3), np.ones(3)]
    for batch in batches:
        news = (batch.mean(axis=0), batch.var(axis=0), n, momentum)
        running = two_arrays(student.call("remembered", *running, *news), "remembered")
    left = (1 - momentum) ** np.arange(3, -1, -1.0)  # of each batch's part, when all have come
    variance = momentum * (left @ batches.var(axis=1, ddof=1)) + (1 - momentum) ** 4
    what = f"after 4 batches of {n} values, momentum {momentum:.3g}, the running"
    same(running[0], momentum * (left @ batches.mean(axis=1)), f"{what} mean")
    same(running[1], variance, f"{what} variance")


# More hidden units.


@of_widen(
    points=12,
    title="a wider layer computes the same",
    hint="A unit that now exists twice is added twice by the layer behind it. What must each copy "
    "contribute? Units may have different numbers of copies.",
)
def wider_layers_compute_the_same(student, rng):
    for _ in range(8):
        state, wider, arguments = to_widen(rng)
        new = operated(student, wider, "widen", state, *arguments)
        x = rng.standard_normal((3, wider[f"{LAYERS[0]}.weight"][1]))
        call, (first, _, copies) = told("widen", arguments), arguments
        for key in (f"{first}.weight", f"{first}.bias"):
            close(new[key], state[key][copies], rtol=0, what=f"after {call}, {key}")
        same(mlp(new, x, LAYERS), mlp(state, x, LAYERS), f"the outputs after {call}")
    state, (heads, size, d, hidden), x = a_block(rng)
    copies = [*range(hidden), *rng.integers(0, hidden, hidden).tolist()]
    wider = block_shapes(heads * size, d, len(copies))
    new = operated(student, wider, "widen", state, "linear1", "linear2", copies)
    same(block(new, x, heads), block(state, x, heads), "the block's outputs after widen")


@of_widen(
    points=3,
    title="no unit is lost in silence",
    hint="An old unit that nobody copies is gone, and what it added is gone too.",
)
def no_unit_is_lost(student, rng):
    for _ in range(4):
        state, _, (first, second, copies) = to_widen(rng)
        units = len(state[f"{first}.bias"])
        lost = int(rng.integers(units))
        for chosen in (copies, [c for c in copies if c != lost] + [(lost + 1) % units] * 2):
            kind, _ = student.call_raises("widen", state, first, second, chosen)
            want = "" if lost in chosen else "ValueError"
            if kind != want:
                asked, came = f"raise {want}" if want else "return", f"raised {kind}"
                call = f"widen of {units} units with copies {chosen}"
                raise Wrong(f"{call} should {asked}, but {came if kind else 'returned'}")


# Heads.


@of_heads(
    points=8,
    title="a head that is kept finds what it found",
    hint="A head's queries, keys and values are three slices of in_proj's rows, far apart; it has "
    "one slice of out_proj's columns.",
)
def kept_heads_find_what_they_found(student, rng):
    for turn in range(8):
        state, (heads, size, d, hidden), x = a_block(rng)
        order = rng.permutation(heads) if turn > 1 else np.arange(heads)[::-1]
        many = rng.integers(1, heads + 1) if turn > 1 else heads - 1 + turn
        kept = order[:many].tolist()
        fewer = block_shapes(len(kept) * size, d, hidden)
        new = operated(student, fewer, "keep_heads", state, heads, kept)
        got, want = head_outputs(new, x, len(kept)), head_outputs(state, x, heads)
        for i, head in enumerate(kept):
            call = told("keep_heads", (heads, kept))
            same(got[i], want[head], f"after {call}, what head {i} (it was {head}) adds")


def with_more_heads(student, rng) -> tuple[State, State, State, tuple[int, ...], Array]:
    """A block; the same after add_heads; the new heads alone, their columns of out_proj not 0."""
    state, (heads, size, d, hidden), x = a_block(rng)
    count, weight, bias = to_add(rng, size, d)
    more = block_shapes((heads + count) * size, d, hidden)
    new = operated(student, more, "add_heads", state, weight, bias)
    alone = {
        "self_attn.in_proj_weight": weight.reshape(-1, d),
        "self_attn.in_proj_bias": bias.reshape(-1),
        "self_attn.out_proj.weight": rng.standard_normal((d, count * size)),
    }
    return state, new, alone, (heads, count, size), x


@of_heads(
    points=5,
    title="new heads add nothing, and the old ones what they did",
    hint="New queries stand behind the old queries, new keys behind the old keys, new values "
    "behind the old values: between the old rows, not at the end of them all. The new columns of "
    "out_proj stand behind the old ones.",
)
def added_heads_are_silent(student, rng):
    for _ in range(5):
        state, new, _, (heads, count, size), x = with_more_heads(student, rng)
        what = f"attention after add_heads, {heads} heads of size {size} and {count} new"
        same(attention(new, x, heads + count), attention(state, x, heads), what)


@of_heads(
    points=5,
    title="new heads are ready to learn",
    hint="Only the new columns of out_proj are 0, at its end. To see what the new heads find, the "
    "check writes other numbers there. Were the new rows 0 as well, rows and columns would each "
    "keep the other's gradient at 0.",
)
def added_heads_are_ready(student, rng):
    for _ in range(5):
        state, new, alone, (heads, count, size), x = with_more_heads(student, rng)
        new[SLICED[2]] = np.hstack([state[SLICED[2]], alone[SLICED[2]]])
        got = head_outputs(new, x, heads + count)[heads:]
        what = (
            f"what {count} new heads behind {heads} of size {size} find, once out_proj lets it by"
        )
        same(got, head_outputs(alone, x, count), what)


# Folding.


@of_fold(
    points=10,
    title="what reads a plain norm computes the same",
    hint="W (scale * n + shift) + b is (which matrix?) n + (which bias?): multiply it out. "
    "Queries, keys and values all read norm1; which linear layer reads norm2?",
)
def plain_norms_feed_the_same(student, rng):
    for _ in range(6):
        state, (heads, size, d, hidden), x = a_block(rng)
        new = operated(student, block_shapes(heads * size, d, hidden), "fold_norms", state)
        for name, want in (("weight", np.ones(d)), ("bias", np.zeros(d))):
            for norm in ("norm1", "norm2"):
                what = f"after fold_norms, {norm}.{name}"
                close(new[f"{norm}.{name}"], want, rtol=0, what=what)
        before, after = (attention(s, normal(s, "norm1", x), heads) for s in (state, new))
        same(after, before, f"attention(norm1(x)) after fold_norms, x {x.shape}")
        before, after = (mlp(s, normal(s, "norm2", x)) for s in (state, new))
        same(after, before, f"mlp(norm2(x)) after fold_norms, x {x.shape}")


# One block more.


@of_deepen(
    points=6,
    title="a deeper stack computes the same",
    hint="A block adds two branches to its input; when does each add 0? Blocks behind the new one "
    "keep their weights under a number one higher. blocks.1 is no part of blocks.10.",
)
def deeper_stacks_compute_the_same(student, rng):
    for blocks, place in ((1, 1), (3, 1), (3, 2), (3, 3), (11, 1)):
        d = int(rng.integers(2, 5))
        state, x = drawn(rng, stack_shapes(blocks, d)), rng.standard_normal((3, d))
        new = operated(student, stack_shapes(blocks + 1, d), "deepen", state, place)
        what = f"the output of {blocks} blocks after deepen(state, {place})"
        same(stack(new, x, blocks + 1), stack(state, x, blocks), what)


@of_deepen(
    points=3,
    title="the new block is a copy with silent ends, and owns its arrays",
    hint="Weights and biases of out_proj and linear2 are 0; all else is a copy. Two names for one "
    "array are two layers that train as one.",
)
def new_blocks_are_their_own(student, rng):
    for blocks, place in ((2, 1), (3, 3), (12, 2)):
        state = drawn(rng, stack_shapes(blocks, 3))
        new = operated(student, stack_shapes(blocks + 1, 3), "deepen", state, place)
        what = f"of {blocks} blocks, after deepen(state, {place}), blocks.{place}"
        for name, array in of_block(state, place - 1).items():
            silent = name.startswith(("self_attn.out_proj", "linear2"))
            want = np.zeros_like(array) if silent else array
            close(new[f"blocks.{place}.{name}"], want, rtol=0, what=f"{what}.{name}")
        for name in typed(student.run("shared_in_deeper", state, place), list[str]):
            raise Wrong(f"{what} should own its arrays, but {name} is shared with the block before")


@check(
    task="rules",
    points=12,
    title="the old state, other entries and float32 stay",
    hint="Each of the five operations counts alike, and any fault loses its share. As to the "
    "rules: *= and += write into an array that somebody else holds. What does NumPy make of "
    "float32 times float64, or over integers?",
    section=f"{CHAPTER}#state-dicts",
)
def all_operations_are_tidy(student, rng):
    faults: list[Wrong | StudentError] = []
    said = []
    for name, *case in operations(rng):
        try:
            tidy(student, name, *case)
        except (Wrong, StudentError) as fault:
            student.restart()  # it may be stuck
            faults.append(fault)
            said.append(f"{fault}" if isinstance(fault, Wrong) else f"{name}: {fault}")
    if len(faults) == 5 and {getattr(fault, "reason", "") for fault in faults} == {"missing"}:
        raise faults[0]
    return Score(1 - len(faults) / 5, "\n".join(said))
