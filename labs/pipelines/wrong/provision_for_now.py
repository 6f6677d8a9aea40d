# loses: few_turned_away, follows_shift, follows_burst
# why: orders for the step that begins, in which nothing works that is ordered now.


def provision(past: Array, ordered: int, day: int, start: int, each: float) -> int:
    count = math.ceil(forecast(past, day, 1)[0] / each)
    return ordered if 0.9 * ordered - 1 < count < ordered else count
