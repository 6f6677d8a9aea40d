# loses: all_operations_are_tidy
# why: a copy of a dict holds the same arrays, and *= and += write into them.


def fold_norms(state: State) -> State:
    new = dict(state)
    for norm, reader in (("norm1", "self_attn.in_proj_"), ("norm2", "linear1.")):
        scale, shift = new[f"{norm}.weight"], new[f"{norm}.bias"]
        new[f"{reader}bias"] += new[f"{reader}weight"] @ shift
        new[f"{reader}weight"] *= scale
        scale[:], shift[:] = 1, 0
    return new
