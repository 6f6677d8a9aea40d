# loses: chooses_the_segments
# why: h where h - 1 belongs.


def best_segments(ranks: int, nbytes: float, alpha: float, beta: float) -> int:
    height = math.floor(math.log2(ranks))
    return max(1, round(math.sqrt(height * beta * nbytes / (2 * alpha))))
