# keeps: all
# how: attention in einsum, norms from sums of squares, surgery entry by entry in loops.

import re


def scaled_dot_product_attention(q, k, v, mask=None):
    scores = np.einsum("...td,...sd->...ts", q, k) * q.shape[-1] ** -0.5
    scores = scores if mask is None else scores + np.where(mask, 0.0, -1e30)
    weights = np.exp(scores - scores.max(axis=-1)[..., None])
    return np.einsum("...ts,...se->...te", weights, v) / weights.sum(axis=-1)[..., None]


def split_heads(packed, heads):
    return tuple(
        np.stack(np.split(third, heads, axis=-1), axis=-3) for third in np.split(packed, 3, axis=-1)
    )


def merge_heads(x):
    return np.concatenate([x[..., h, :, :] for h in range(x.shape[-3])], axis=-1)


def layer_norm(x, weight, bias, eps=1e-5):
    mean = np.einsum("...i->...", x)[..., None] / x.shape[-1]
    return (x - mean) * (weight / np.sqrt(x.var(-1)[..., None] + eps)) + bias


def batch_statistics(x):
    rows = np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])
    return rows.mean(0), rows.var(0)


def batch_norm(x, mean, variance, weight, bias, eps=1e-5):
    y = np.moveaxis(x, 1, -1)
    return np.moveaxis((y - mean) / np.sqrt(variance + eps) * weight + bias, -1, 1)


def remembered(running_mean, running_variance, mean, variance, n, momentum):
    running_mean = running_mean + momentum * (mean - running_mean)
    return running_mean, running_variance + momentum * (variance * n / (n - 1) - running_variance)


def widen(state, first, second, copies):
    new = {name: array.copy() for name, array in state.items()}
    units = state[f"{first}.bias"].size
    if sorted(set(copies)) != list(range(units)):
        raise ValueError(f"copies {copies} leave out some of {units} units")
    incoming, biases, outgoing = [], [], []
    for unit in copies:
        incoming.append(state[f"{first}.weight"][unit])
        biases.append(state[f"{first}.bias"][unit])
        outgoing.append(state[f"{second}.weight"][:, unit] / copies.count(unit))
    new[f"{first}.weight"] = np.array(incoming)
    new[f"{first}.bias"] = np.array(biases)
    new[f"{second}.weight"] = np.array(outgoing).T
    return new


def keep_heads(state, heads, kept):
    new = dict(state)
    for name in ("self_attn.in_proj_weight", "self_attn.in_proj_bias"):
        slices = [np.split(part, heads) for part in np.split(state[name], 3)]
        new[name] = np.concatenate([part[h] for part in slices for h in kept])
    columns = np.split(state["self_attn.out_proj.weight"], heads, axis=1)
    new["self_attn.out_proj.weight"] = np.hstack([columns[h] for h in kept])
    return new


def add_heads(state, weight, bias):
    new = dict(state)
    for name, more in (("self_attn.in_proj_weight", weight), ("self_attn.in_proj_bias", bias)):
        old = state[name]
        pairs = zip(np.split(old, 3), more, strict=True)
        new[name] = np.concatenate([each for pair in pairs for each in pair]).astype(old.dtype)
    out = state["self_attn.out_proj.weight"]
    grown = np.zeros((out.shape[0], out.shape[1] + weight.shape[1]), out.dtype)
    grown[:, : out.shape[1]] = out
    new["self_attn.out_proj.weight"] = grown
    return new


def fold_norms(state):
    new = {name: array.copy() for name, array in state.items()}
    for i, reader in ((1, "self_attn.in_proj_"), (2, "linear1.")):
        for j, (scale, shift) in enumerate(
            zip(state[f"norm{i}.weight"], state[f"norm{i}.bias"], strict=True)
        ):
            new[f"{reader}bias"] += new[f"{reader}weight"][:, j] * shift
            new[f"{reader}weight"][:, j] *= scale
        new[f"norm{i}.weight"][:], new[f"norm{i}.bias"][:] = 1, 0
    return new


def deepen(state, place):
    new = {}
    for name, array in state.items():
        match = re.fullmatch(r"blocks\.(\d+)\.(.*)", name)
        number = int(match[1]) if match else -1
        if match and number >= place:
            name = f"blocks.{number + 1}.{match[2]}"
        new[name] = array.copy()
        if number == place - 1:
            dark = re.match(r"(self_attn\.out_proj|linear2)\.", match[2])
            new[f"blocks.{place}.{match[2]}"] = array * 0 if dark else array.copy()
    return new
