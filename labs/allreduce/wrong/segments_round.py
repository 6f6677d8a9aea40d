# loses: chooses_the_segments
# why: the nearest whole number, which is not always the cheaper of the two around it.


def best_segments(ranks: int, nbytes: float, alpha: float, beta: float) -> int:
    height = math.floor(math.log2(ranks))
    return max(1, round(math.sqrt(max(0, height - 1) * beta * nbytes / (2 * alpha))))
