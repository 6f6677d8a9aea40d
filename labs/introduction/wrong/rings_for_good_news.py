# loses: rings_for_what_gets_worse
# why: it counts any change, so a service that gets better wakes somebody up.


def rings(errors: list[float], calm: int = 30) -> bool:
    normal = np.array(errors[:calm])
    level, spread = float(normal.mean()), float(normal.std(ddof=1))
    up = down = 0.0
    for error in errors[calm:]:
        z = (error - level) / spread
        up, down = max(0.0, up + z - 0.5), max(0.0, down - z - 0.5)
        if max(up, down) > 9:
            return True
    return False
