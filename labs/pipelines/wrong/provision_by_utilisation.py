# loses: few_turned_away, follows_shift, follows_burst
# why: the rule of the chapter: up when replicas are busy, down after a calm of two starts. On a
#   steep morning that is a start too late.


def provision(past: Array, ordered: int, day: int, start: int, each: float) -> int:
    return max(1, math.ceil(past[-2 * start :].max() / each / 0.95))
