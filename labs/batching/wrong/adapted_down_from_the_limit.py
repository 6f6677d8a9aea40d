# loses: follows_the_rule
# why: goes down from the limit, of which the batch that was too slow may have been a part.


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
        return max(1.0, factor * limit)
    return min(most, limit + step) if size >= int(limit) else limit
