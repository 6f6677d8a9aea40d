# loses: chooses_the_segments
# why: tries 1 to 1,000 and takes the best of them.


def best_segments(ranks: int, nbytes: float, alpha: float, beta: float) -> int:
    height = math.floor(math.log2(ranks))
    return min(
        range(1, 1001),
        key=lambda k: (height + k - 1) * (alpha + beta * nbytes / (2 * k)),
    )
