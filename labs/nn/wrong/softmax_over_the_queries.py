# loses: weighs_values_by_keys, masked_keys_are_out, survives_large_scores, heads_work_side_by_side
# why: the weights of each key sum to 1 over the queries; it is each query that shares out its own.


def scaled_dot_product_attention(q: Any, k: Any, v: Any, mask: Any = None) -> Any:
    scores = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    weights = np.exp(scores - np.max(scores, -2, keepdims=True))
    return weights / np.sum(weights, -2, keepdims=True) @ v
