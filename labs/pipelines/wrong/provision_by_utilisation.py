# loses: few_turned_away, starts_are_few, follows_shift, follows_burst
# why: the rule of the chapter: three quarters of the replicas are to be busy. On a steep morning it
#   is a start too late.


def provision(past: Array, ordered: int, day: int, start: int, each: float) -> int:
    return max(1, math.ceil(past[-1] / each / 0.78))
