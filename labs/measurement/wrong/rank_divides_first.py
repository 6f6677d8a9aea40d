# loses: rank_is_the_smallest_place
# why: 55 / 100 is a little more than 0.55 in binary, and the ceiling makes a whole place of it.


def rank(count: int, percent: float) -> int:
    return max(1, math.ceil(percent / 100 * count))
