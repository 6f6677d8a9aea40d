# loses: batch_norm_down_features
# why: at inference the statistics are remembered ones, and x has others.


def batch_norm(x: Any, mean: Any, variance: Any, weight: Any, bias: Any, eps: float = 1e-5) -> Any:
    mean, variance = batch_statistics(x)
    scale = weight / np.sqrt(variance + eps)
    return x * _along_features(scale, x) + _along_features(bias - mean * scale, x)
