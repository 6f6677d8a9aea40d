# loses: survives_large_scores
# why: exp of a score in the thousands is infinite, and infinity over infinity is no number.


def scaled_dot_product_attention(q: Any, k: Any, v: Any, mask: Any = None) -> Any:
    scores = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])
    weights = np.exp(scores) if mask is None else np.exp(scores) * mask
    return weights / np.sum(weights, -1, keepdims=True) @ v
