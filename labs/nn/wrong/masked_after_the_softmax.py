# loses: masked_keys_are_out, survives_large_scores, heads_work_side_by_side
# why: what masked keys took of the sum is missing: the weights that are left do not sum to 1.


def scaled_dot_product_attention(q: Any, k: Any, v: Any, mask: Any = None) -> Any:
    scores = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])
    weights = np.exp(scores - np.max(scores, -1, keepdims=True))
    weights = weights / np.sum(weights, -1, keepdims=True)
    return (weights if mask is None else weights * mask) @ v
