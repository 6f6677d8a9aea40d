# loses: rings_seldom_for_nothing
# why: 2.2 deviations on one day come by chance every few weeks.


def rings(errors: list[float], calm: int = 30) -> bool:
    normal = np.array(errors[:calm])
    return bool(errors[-1] > normal.mean() + 2.2 * normal.std(ddof=1))
