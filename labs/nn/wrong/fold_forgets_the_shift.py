# loses: plain_norms_feed_the_same
# why: the scale goes into the weights, but the shift was set to 0 and is found nowhere.


def fold_norms(state: State) -> State:
    new = dict(state)
    for norm, reader in (("norm1", "self_attn.in_proj_weight"), ("norm2", "linear1.weight")):
        new[reader] = state[reader] * state[f"{norm}.weight"]
        new[f"{norm}.weight"] = np.ones_like(state[f"{norm}.weight"])
        new[f"{norm}.bias"] = np.zeros_like(state[f"{norm}.bias"])
    return new
