# loses: few_turned_away, follows_shift
# why: enough for the middle of what may come, rounded down to whole replicas: most steps bring
#   more.


def provision(past: Array, ordered: int, day: int, start: int, each: float) -> int:
    return int(forecast(past, day, start + 1).max() / each)
