# loses: kept_heads_find_what_they_found
# why: in_proj is cut into heads first; it holds all queries, then all keys, then all values.


def keep_heads(state: State, heads: int, kept: Sequence[int]) -> State:
    weight, bias = state["self_attn.in_proj_weight"], state["self_attn.in_proj_bias"]
    size = len(bias) // (3 * heads)
    rows = np.concatenate([np.arange(3 * h * size, 3 * (h + 1) * size) for h in kept])
    columns = np.concatenate([np.arange(h * size, (h + 1) * size) for h in kept])
    return {
        **state,
        "self_attn.in_proj_weight": weight[rows],
        "self_attn.in_proj_bias": bias[rows],
        "self_attn.out_proj.weight": state["self_attn.out_proj.weight"][:, columns],
    }
