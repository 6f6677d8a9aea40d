# loses: cost_is_near_hindsight
# why: half as much again, whether traffic strays by a tenth or not.


def provision(past: Array, ordered: int, day: int, start: int, each: float) -> int:
    count = math.ceil(1.46 * forecast(past, day, start + 1).max() / each)
    return ordered if 0.8 * ordered - 1 < count < ordered else count
