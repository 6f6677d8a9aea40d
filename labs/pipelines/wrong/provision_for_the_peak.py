# loses: cost_is_near_hindsight, starts_are_few, follows_shift, follows_burst
# why: half as much again as was ever needed, for ever.


def provision(past: Array, ordered: int, day: int, start: int, each: float) -> int:
    return math.ceil(1.6 * past.max() / each)
