# loses: cost_is_near_hindsight, starts_are_few, follows_shift, follows_burst
# why: a third of the replicas is busy, so that any morning finds spare ones, also at night.


def provision(past: Array, ordered: int, day: int, start: int, each: float) -> int:
    return max(1, math.ceil(past[-2 * start :].max() / each / 0.35))
