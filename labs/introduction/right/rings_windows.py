# keeps: all
# how: tests the means of the last 1, 2, 4, 8 and 16 days instead of a cumulative sum.


def rings(errors: list[float], calm: int = 30) -> bool:
    normal = np.array(errors[:calm])
    level, spread = normal.mean(), normal.std(ddof=1)
    since = errors[calm:]
    for n in (1, 2, 4, 8, 16):
        if len(since) >= n:
            deviation = spread * (1 / n + 1 / calm) ** 0.5
            if sum(since[-n:]) / n - level > 3.8 * deviation:
                return True
    return False
