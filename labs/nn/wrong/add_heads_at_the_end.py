# loses: added_heads_are_silent, added_heads_are_ready
# why: behind all old rows, the new ones shift the border between queries, keys and values.


def add_heads(state: State, weight: Array, bias: Array) -> State:
    old, out = state["self_attn.in_proj_weight"], state["self_attn.out_proj.weight"]
    rows = weight.reshape(-1, weight.shape[-1]).astype(old.dtype)
    biases = [state["self_attn.in_proj_bias"], bias.reshape(-1).astype(old.dtype)]
    return {
        **state,
        "self_attn.in_proj_weight": np.concatenate([old, rows]),
        "self_attn.in_proj_bias": np.concatenate(biases),
        "self_attn.out_proj.weight": np.pad(out, ((0, 0), (0, weight.shape[1]))),
    }
