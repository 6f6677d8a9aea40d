# loses: plain_norms_feed_the_same
# why: the shift was added after the scale; through the new weights it is scaled once more.


def fold_norms(state: State) -> State:
    new = dict(state)
    for norm, reader in (("norm1", "self_attn.in_proj_"), ("norm2", "linear1.")):
        scale, shift = state[f"{norm}.weight"], state[f"{norm}.bias"]
        new[f"{reader}weight"] = state[f"{reader}weight"] * scale
        new[f"{reader}bias"] = state[f"{reader}bias"] + new[f"{reader}weight"] @ shift
        new[f"{norm}.weight"], new[f"{norm}.bias"] = np.ones_like(scale), np.zeros_like(shift)
    return new
