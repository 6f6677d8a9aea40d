# loses: layer_norm_along_rows
# why: the deviation of a sample, with d - 1, is not what a norm divides by.


def layer_norm(x: Any, weight: Any, bias: Any, eps: float = 1e-5) -> Any:
    centred = x - np.mean(x, -1, keepdims=True)
    variance = np.var(x, -1, ddof=1, keepdims=True)
    return centred / np.sqrt(variance + eps) * weight + bias
