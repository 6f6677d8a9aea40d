# loses: remembers_unbiased_statistics
# why: the variance that normalised the batch is too small by (n - 1) / n to be remembered.


def remembered(
    running_mean: Any, running_variance: Any, mean: Any, variance: Any, n: int, momentum: float
) -> tuple[Any, Any]:
    return (
        (1 - momentum) * running_mean + momentum * mean,
        (1 - momentum) * running_variance + momentum * variance,
    )
