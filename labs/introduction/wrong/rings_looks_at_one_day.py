# loses: rings_soon_after_a_step, rings_for_what_gets_worse
# why: four deviations on one day, the alarm of the chapter, waits for weeks on a small rise.


def rings(errors: list[float], calm: int = 30) -> bool:
    normal = np.array(errors[:calm])
    return bool(errors[-1] > normal.mean() + 4 * normal.std(ddof=1))
