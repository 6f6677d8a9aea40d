# loses: errors_are_relative, no_part_is_negative
# why: makes the squares of seconds small, so that the longest batch decides alone.


def fitted(sizes: Array, seconds: Array) -> tuple[float, float]:
    each, fixed = np.polyfit(sizes, seconds, 1)
    if fixed < 0:
        return 0.0, float(sizes @ seconds / (sizes @ sizes))
    return (float(fixed), float(each)) if each >= 0 else (float(seconds.mean()), 0.0)
