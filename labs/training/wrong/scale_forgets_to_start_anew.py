# loses: backs_off
# why: an overflow ends the run of good steps, however long it was.


def next_scale(
    scale: float,
    good_steps: int,
    overflowed: bool,
    growth: float = 2.0,
    backoff: float = 0.5,
    interval: int = 2000,
) -> tuple[float, int]:
    if overflowed:
        return scale * backoff, good_steps
    if good_steps + 1 < interval:
        return scale, good_steps + 1
    grown = scale * growth
    return (grown if grown < 2.0**128 else scale), 0
