# loses: kept_heads_find_what_they_found
# why: a boolean mask keeps the right heads, in their old order and not in that of kept.


def keep_heads(state: State, heads: int, kept: Sequence[int]) -> State:
    weight, bias = state["self_attn.in_proj_weight"], state["self_attn.in_proj_bias"]
    own = np.repeat([h in kept for h in range(heads)], len(bias) // (3 * heads))
    return {
        **state,
        "self_attn.in_proj_weight": weight[np.tile(own, 3)],
        "self_attn.in_proj_bias": bias[np.tile(own, 3)],
        "self_attn.out_proj.weight": state["self_attn.out_proj.weight"][:, own],
    }
