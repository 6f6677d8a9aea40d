# loses: survives_large_scores
# why: -10,000 is a score like another: where all keys score less, the masked ones win.


def scaled_dot_product_attention(q: Any, k: Any, v: Any, mask: Any = None) -> Any:
    scores = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])
    scores = scores if mask is None else np.where(mask, scores, -1e4)
    weights = np.exp(scores - np.max(scores, -1, keepdims=True))
    return weights / np.sum(weights, -1, keepdims=True) @ v
