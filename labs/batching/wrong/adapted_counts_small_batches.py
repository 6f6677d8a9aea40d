# loses: follows_the_rule
# why: takes every batch in time for a success, so that the limit grows all night.


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
    return min(most, limit + step)
