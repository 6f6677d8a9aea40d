# keeps: all
# how: tests the means of the last 1, 2, 4, 8 and 16 days instead of a cumulative sum.

import statistics


def rings(errors: list[float], calm: int = 30) -> bool:
    level, spread = statistics.fmean(errors[:calm]), statistics.stdev(errors[:calm])
    since = errors[calm:]
    for n in (1, 2, 4, 8, 16):
        if len(since) >= n:
            deviation = spread * (1 / n + 1 / calm) ** 0.5
            if statistics.fmean(since[-n:]) - level > 3.8 * deviation:
                return True
    return False
