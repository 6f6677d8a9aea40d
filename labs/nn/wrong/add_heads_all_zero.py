# loses: added_heads_are_ready
# why: values 0 and columns 0 get gradients 0 from each other: such heads stay silent for ever.


def add_heads(state: State, weight: Array, bias: Array) -> State:
    def grown(array: Array) -> Array:
        parts = array.reshape(3, -1, *array.shape[1:])
        zeros = np.zeros((3, weight.shape[1], *array.shape[1:]), array.dtype)
        return np.concatenate([parts, zeros], axis=1).reshape(-1, *array.shape[1:])

    out = state["self_attn.out_proj.weight"]
    return {
        **state,
        "self_attn.in_proj_weight": grown(state["self_attn.in_proj_weight"]),
        "self_attn.in_proj_bias": grown(state["self_attn.in_proj_bias"]),
        "self_attn.out_proj.weight": np.pad(out, ((0, 0), (0, weight.shape[1]))),
    }
