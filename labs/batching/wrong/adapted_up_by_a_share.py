# loses: follows_the_rule, finds_the_size
# why: goes up by a share, too, and overshoots by a share.


def adapted(
    limit: float,
    size: int,
    seconds: float,
    objective: float,
    step: float = 1.0,
    factor: float = 0.9,
    most: int = 4096,
) -> float:
    if seconds > objective:
        return max(1.0, factor * min(limit, size))
    return min(most, 1.5 * limit + step) if size >= int(limit) else limit
